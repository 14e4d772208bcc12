"""What each job must find: records and files, told from what the imitation of its source holds.

EXPECTED["books"](base) -> [Found(fields, page, files, key), ...]     in the order of records
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from scraper.server.fixture.sources import (
    apod,
    archive,
    arxiv,
    aspnet,
    books,
    commons,
    elastic,
    forum,
    gallery,
    github,
    laion,
    podcast,
    rates,
    shop,
    terms,
    tianapi,
    tiles,
    wordpress,
)  # fmt: skip

NOW = datetime(2024, 3, 14, 16, 30, tzinfo=UTC)
"""When the runs begin, by their own clock."""


@dataclass(frozen=True)
class Found:
    """An item.

    Attributes:
        fields: its own; page: URL of its page; files: path and bytes of each; rule: that read it.
        key: as in the record; None where it is a digest of the page's address.
    """

    rule: str
    fields: dict[str, Any]
    page: str
    files: dict[str, bytes] = field(default_factory=dict)
    key: str | None = None

    def record(self) -> dict[str, Any]:
        """Its line in the records, without `_key`."""
        return {**self.fields, "_rule": self.rule, "_url": self.page, "_files": list(self.files)}


def several(*values: Any) -> str:
    """A key of several fields."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def of_tianapi(base: str) -> Iterator[Found]:
    files = tianapi.files()
    for at, row in enumerate(tianapi.rows(base)):
        name = row["picUrl"].rpartition("/")[2]
        number = int(name[:4])
        fields = {"title": row["title"], "page": row["url"], "picture": row["picUrl"]}
        page = f"{base}/sources/tianapi/meinv/index?key={{env:TIANAPI_KEY}}&num=10&page={at // 10 + 1}"
        yield Found("api", fields, page, {f"街拍-{number % 5}-a-street-{name}": files[name]}, row["picUrl"])


def of_books(base: str) -> Iterator[Found]:
    for book in books.BOOKS:
        fields = {"title": book.title, "rating": book.stars, "price": book.price, "read_at": NOW.isoformat()}
        page = f"{base}/sources/books/catalogue/{book.slug}/index.html"
        yield Found("book", fields, page, {book.cover: books.thumb(book.number, "jpg")})


def of_github(base: str) -> Iterator[Found]:
    for at, row in enumerate(github.all_releases(base)):
        place = (
            f"repositories/4321/releases?per_page=3&page={at // 3 + 1}"
            if at >= 3
            else "repos/acme/tool/releases?per_page=3"
        )
        files = {f"{row['tag_name']}/{one['name']}": github.asset_bytes(one["name"]) for one in row["assets"]}
        published = row["published_at"].replace("Z", "+00:00")
        fields = {"id": row["id"], "tag": row["tag_name"], "published": published}
        yield Found("release", fields, f"{base}/sources/github/{place}", files, str(row["id"]))


def of_arxiv(base: str) -> Iterator[Found]:
    for at, paper in enumerate(arxiv.PAPERS):
        asked = {"search_query": "cat:cs.DL", "sortBy": "submittedDate", "sortOrder": "ascending", "max_results": 4}
        page = f"{base}/sources/arxiv/api/query?{urlencode({**asked, 'start': at // 4 * 4})}"
        fields = {"id": paper.id, "title": paper.title, "published": paper.published.replace("Z", "+00:00")}
        name = f"{paper.published[:4]}/{paper.id.replace('/', '_')}.pdf"
        yield Found("query", fields, page, {name: paper.pdf()}, paper.id)


def of_apod(base: str) -> Iterator[Found]:
    months = (
        (date(2024, 1, 1), date(2024, 1, 31)),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2024, 3, 1), NOW.date()),
    )
    for first, last in months:
        page = f"{base}/sources/apod/planetary/apod?api_key={{env:NASA_KEY}}&start_date={first}&end_date={last}"
        for day in apod.days(first, last):
            row = apod.entry(day, base)
            fields = {"date": str(day), "title": row["title"], "kind": row["media_type"], "text": row["explanation"]}
            name = f"{day}-sky-of-{day:%A}-{day.toordinal() % 30}.png".lower()
            files = {name: apod.picture_of(day, "hdurl" in row)} if row["media_type"] == "image" else {}
            yield Found("apod", fields, page, files, str(day))


def of_commons(base: str) -> Iterator[Found]:
    rows, files = commons.pages(base), commons.files()
    asked = {
        "action": "query", "format": "json", "formatversion": 2, "generator": "categorymembers",
        "gcmtitle": commons.CATEGORY, "gcmtype": "file", "gcmlimit": 3, "prop": "imageinfo",
        "iiprop": "url|sha1|size|mime", "maxlag": 5,
    }  # fmt: skip
    for at, (row, name) in enumerate(zip(rows, files, strict=True)):
        first = rows[at // 3 * 3]
        token = f"file|{first['title'].encode().hex().upper()}|{first['pageid']}"
        more = {"gcmcontinue": token, "continue": "gcmcontinue||"} if at >= 3 else {}
        fields = {"id": row["pageid"], "title": row["title"], "mime": row["imageinfo"][0]["mime"]}
        page = f"{base}/sources/commons/w/api.php?{urlencode({**asked, **more})}"
        yield Found("category", fields, page, {name: files[name]}, str(row["pageid"]))


def of_podcast(base: str) -> Iterator[Found]:
    slugs = {6: "ärger-glück", 5: "no-extension", 2: "second-more", 1: "pilot"}
    for one in podcast.EPISODES:
        data = podcast.audio(one.number)
        fields = {
            "guid": one.guid, "title": one.title, "date": one.published.isoformat(),
            "seconds": f"00:31:0{one.number}", "size": str(len(data)) if one.type else None,
        }  # fmt: skip
        heard = one.number in slugs
        files = {f"{one.published:%Y-%m-%d}-{slugs[one.number]}.mp3": data} if heard else {}
        yield Found("show", fields, f"{base}/sources/podcast/show.xml", files, one.guid)


def of_forum(base: str) -> Iterator[Found]:
    slugs = {7: "rules-read-first", 21: "evening-light", 22: "berge-täler", 23: "ответы", 24: "last-one"}
    for thread in forum.THREADS:
        for at, post in enumerate(thread.posts):
            page = f"{base}{thread.place}" + (f"page-{at // forum.PER_PAGE + 1}" if at >= forum.PER_PAGE else "")
            fields = {"post": str(post.number), "thread": thread.title, "text": post.text}
            folder = slugs[thread.number]
            files = {
                f"{folder}/{post.number}-{name}": forum.attached_bytes(post, number)
                for number, name in enumerate(post.attached)
            }
            yield Found("thread", fields, page, files, str(post.number))


def of_laion(base: str) -> Iterator[Found]:
    """A picture of two rows is named by the first; rows that `when` leaves out count."""
    named: dict[str, dict[str, bytes]] = {}
    for number, row in enumerate(laion.rows(base), 1):
        if (row["similarity"] or 0) > 0.3:
            extension, data = laion.picture_of(number)
            files = named.setdefault(row["URL"], {f"00000/{number:09}.{extension}": data})
            fields = {"n": number, "caption": row["TEXT"], "licence": row["LICENSE"]}
            yield Found("image", fields, row["URL"], files, str(number))


def of_wordpress(base: str) -> Iterator[Found]:
    files = wordpress.files()
    for at, row in enumerate(wordpress.attachments(base)):
        place = row["source_url"].partition("/uploads/")[2]
        fields = {
            "id": row["id"], "date": f"{row['date']}+00:00", "title": row["title"]["rendered"],
            "mime": row["mime_type"],
        }  # fmt: skip
        page = f"{base}/sources/wordpress/wp-json/wp/v2/media?per_page=4&orderby=id&order=asc&page={at // 4 + 1}"
        yield Found("media", fields, page, {place: files[place]}, str(row["id"]))


def of_shop(base: str) -> Iterator[Found]:
    for one in shop.PRODUCTS:
        page = f"{base}/sources/shop/product/{one.sku.lower()}/"
        fields = {"name": one.name, "sku": one.sku, "price": one.price, "url": page}
        yield Found("product", fields, page, {f"{one.sku}/{name}": data for name, data in one.images.items()}, one.sku)


def of_archive(base: str) -> Iterator[Found]:
    for item in archive.IDENTIFIERS:
        rows = {row["name"]: row for row in archive.describe(item)}
        for name, data in archive.originals(item).items():
            row = rows[name]
            size = len(data) if "size" in row else None
            fields = {"name": name, "format": row["format"], "size": size, "id": item}
            page = f"{base}/sources/archive/metadata/{item}"
            yield Found("meta", fields, page, {f"{item}/{name}": data}, several(item, name))


def of_elastic(base: str) -> Iterator[Found]:
    files = elastic.files()
    for hit in elastic.find(base, {"licence": "cc0"}):
        source = hit["_source"]
        name = source["image_url"].rpartition("/")[2].partition("?")[0]
        path = f"{hit['_id']}.{name.rpartition('.')[2]}"
        fields = {"id": hit["_id"], "caption": source["caption"]}
        yield Found("hits", fields, f"{base}/sources/elastic/_search", {path: files[name]}, hit["_id"])


def of_aspnet(base: str) -> Iterator[Found]:
    for permit in aspnet.find("garage"):
        fields = {"permit": permit.number, "address": permit.address}
        page = f"{base}/sources/aspnet/Search.aspx"
        yield Found("results", fields, page, {f"{permit.number}.pdf": permit.pdf()}, permit.number)


def of_gallery(base: str) -> Iterator[Found]:
    slugs = ("sun-sea", "sea", "größe", "sea", "夜", "rain", "snow")
    for (number, title), slug in zip(gallery.PICTURES.items(), slugs, strict=True):
        page = f"{base}/sources/gallery/p/{number}?album={gallery.ALBUM}"
        files = {f"{number}-{slug}.jpg": gallery.picture_of(number)}
        yield Found("picture", {"id": str(number), "title": title}, page, files, str(number))


def of_rates(base: str) -> Iterator[Found]:
    day = "2024-03-14T00:00:00+00:00"
    for code in rates.CODES:
        fields = {"code": code, "rate": rates.rate(code), "day": day}
        yield Found("rates", fields, f"{base}/sources/rates/exchange-rates", {}, several(code, day))


def of_tiles(base: str) -> Iterator[Found]:
    places = ((zoom, x, y) for zoom in range(4) for x in range(2**zoom) for y in range(2**zoom))
    for z, x, y in places:
        url = f"{base}/sources/tiles/{z}/{x}/{y}.png"
        files = {f"{z}/{x}/{2**z - 1 - y}.png": tiles.tile_bytes(z, x, y)}
        yield Found("tiles", {"z": z, "x": x, "y": y}, url, files, url)


def of_terms(base: str) -> Iterator[Found]:
    """Of a term five pages at most; a picture of two terms is named by the first."""
    slugs = {"red shoes": "red-shoes", "Größe & mehr": "größe-mehr", "lamp": "lamp", "nothing": ""}
    named: dict[str, dict[str, bytes]] = {}
    for term, names in terms.FOUND.items():
        for at, name in enumerate(names[: 5 * terms.PER_PAGE]):
            link = f"{base}/sources/terms/item/{name}?from=search"
            page = f"{base}/sources/terms/search?{urlencode({'q': term, 'p': at // terms.PER_PAGE + 1})}"
            files = named.setdefault(name, {f"{slugs[term]}/{name}.jpg": terms.picture_of(name)})
            fields = {"term": term, "title": terms.title(name), "link": link}
            yield Found("results", fields, page, files, several(term, link))


EXPECTED: dict[str, Callable[[str], Iterator[Found]]] = {
    name.removeprefix("of_"): make for name, make in list(globals().items()) if name.startswith("of_")
}
