"""A page under a rule gives items, files, links and the next page."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import secrets
from scraper.errors import ShapeError, TypeMismatchError
from scraper.files.naming import UNKNOWN_EXT, digest_of
from scraper.job.model import Accept, FileSettings, Rule
from scraper.job.template import base_names
from scraper.model import Download, Failure, Item, Page, Reading, Request
from scraper.page.reader import page_digest, read

URL = "http://shop.example/books/dune.html"
NAMES = base_names(variables={"base": "http://shop.example"}, date=datetime(2026, 7, 1, tzinfo=UTC))
REQUEST = Request(
    "GET", URL, rule="book", parent={"name": "Novels"}, row={"line": "dune"}, row_index=4, place=(1,), depth=2
)


def page(body: Any, **changes: Any) -> Page:
    """A page of the shop; a body that is no text is JSON."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html; charset=utf-8" if isinstance(body, str) else "application/json"
    return replace(Page(REQUEST, URL, 200, {"content-type": kind, "x-total": "9"}, raw), **changes)


def reading(body: Any, *, settings: dict[str, Any] | None = None, **rule: Any) -> Reading:
    """What a rule `book` finds; a body that is no text is JSON."""
    given = body if isinstance(body, Page) else page(body)
    is_json = "json" in (given.content_type or "")
    written = Rule.model_validate({"read": "json" if is_json else "html", **rule})
    return read(given, "book", written, NAMES, FileSettings(**settings or {}), {"book": written})


def fields(body: Any, **rule: Any) -> list[Any]:
    found = reading(body, **rule)
    assert found.failures == ()
    return [dict(item.fields) for item in found.items]


def failures(body: Any, **rule: Any) -> list[tuple[str, str]]:
    return [(failure.name, failure.message) for failure in reading(body, **rule).failures]


# -- items -------------------------------------------------------------------------------------------------

BOOK = """
<h1>Dune</h1><p class=price>9.90 EUR</p><ul class=tags><li>sand<li>worms</ul>
<div id=cover><img src=/img/dune.jpg alt="The cover"></div>
"""
HITS = "<ul><li><b>A</b><a href=a.html>a</a></li><li><b>B</b><a href=b.html>b</a></li></ul><h1>Two</h1>"


def test_a_page_is_one_item_with_its_fields_in_the_job_s_order() -> None:
    found = reading(
        BOOK,
        item={
            "title": "h1",
            "price": {"css": "p.price", "match": "[0-9.]+", "type": "float", "required": True},
            "tags": {"css": "ul.tags li", "all": True},
            "subtitle": "h2",
            "found_by": "{{ row.line | default('') }}",
            "again": "{{ item.title | upper }}",
        },
    )

    expected = {
        "title": "Dune", "price": 9.9, "tags": ["sand", "worms"], "subtitle": None, "found_by": "dune",
        "again": "DUNE",
    }  # fmt: skip
    assert found == Reading(items=(Item(REQUEST.identity, "book", expected, URL, (1, 1, 0)),))
    assert list(found.items[0].fields) == list(expected)


def test_each_match_is_an_item_and_its_selectors_are_relative() -> None:
    found = reading(
        HITS, each="li", item={"name": "b", "link": "a::attr(href)", "of": {"css": "h1", "root": True}}, key="name"
    )

    assert found.items == (
        Item("A", "book", {"name": "A", "link": "a.html", "of": "Two"}, URL, (1, 1, 0)),
        Item("B", "book", {"name": "B", "link": "b.html", "of": "Two"}, URL, (1, 1, 1)),
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ rule }}", "book"),
        ("{{ page.url }}", URL),
        ("{{ page.n }}", 1),
        ("{{ page.status }}", 200),
        ("{{ page.headers['X-Total'] }}", "9"),
        ("{{ page.headers['x-none'] }}", None),
        ("{{ parent.name }}", "Novels"),
        ("{{ parent.nothing }}", None),
        ("{{ row.line }}-{{ row_index }}", "dune-4"),
        ("{{ base }}", "http://shop.example"),
        ("{{ date }}", datetime(2026, 7, 1, tzinfo=UTC)),
        ("{{ env('KEY') }}", secrets.mark("env", "KEY")),
    ],
)
def test_a_template_in_an_item_knows_these_names(template: str, expected: object) -> None:
    assert fields(BOOK, item={"x": template}) == [{"x": expected}]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"each": "items", "item": {"a": "a"}, "key": "a"}, ["x", "2"]),
        ({"each": "items", "item": {"a": "a", "b": "b"}, "key": ["a", "b"]}, ['["x",1]', "[2,null]"]),
        ({"each": "items", "item": {"b": "b", "a": "a"}}, ['{"a":"x","b":1}', '{"a":2,"b":null}']),
        ({"item": {"a": "items[0].a"}}, [REQUEST.identity]),
        ({"each": "items[0]", "item": {"a": "a"}}, ['{"a":"x"}']),
    ],
)
def test_the_key_is_the_fields_that_the_job_names_else_the_whole_item_or_the_page(rule: Any, expected: Any) -> None:
    found = reading({"items": [{"a": "x", "b": 1}, {"a": 2}]}, **rule)

    assert [item.key for item in found.items] == expected


def test_a_long_key_is_kept_as_its_digest() -> None:
    found = reading([{"a": "x" * 300}, {"a": "x" * 301}], each="[*]", item={"a": "a"})

    assert [len(item.key) for item in found.items] == [64, 64]
    assert found.items[0].key != found.items[1].key


def test_of_two_items_with_one_key_the_first_is_kept() -> None:
    rows = [{"id": 1, "t": "first"}, {"id": 1, "t": "second"}, {"id": 2, "t": "third"}]

    assert fields(rows, each="[*]", item={"id": "id", "t": "t"}, key="id") == [
        {"id": 1, "t": "first"},
        {"id": 2, "t": "third"},
    ]


def test_an_item_without_its_key_fails_and_says_so() -> None:
    found = reading([{"id": None}, {"id": 2}], each="[*]", item={"id": "id"}, key="id")

    assert found.failures == (Failure(URL, "shape", f"rules.book.key: id found nothing on {URL}"),)
    assert [item.key for item in found.items] == ["2"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"css": "p.no", "required": True}, f'rules.book.item.x: "p.no" found nothing on {URL}'),
        ({"css": "h1", "type": "int", "required": True}, f'rules.book.item.x: "h1" found nothing on {URL}'),
        ({"css": "p.no", "all": True, "required": True}, f'rules.book.item.x: "p.no" found nothing on {URL}'),
        (
            {"template": "{{ row.none }}", "required": True},
            f'rules.book.item.x: "{{{{ row.none }}}}" found nothing on {URL}',
        ),
        ("{{ item.none }}", f"rules.book.item.x: item has no field 'none' on {URL}"),
    ],
)
def test_an_item_fails_alone_and_names_field_selector_and_page(field: Any, message: str) -> None:
    found = reading(
        BOOK + "<a href=next.html>n</a>",
        item={"title": "h1", "x": field, "last": "p.price"},
        files="#cover img",
        follow={"book": "a"},
    )

    empty: Any = [] if "all" in field else None
    assert (found.items, found.downloads, found.failures) == ((), (), (Failure(URL, "shape", message),))
    assert [(one.url, dict(one.parent or {})) for one in found.requests] == [
        ("http://shop.example/books/next.html", {"title": "Dune", "x": empty, "last": "9.90 EUR"})
    ]


def test_a_failed_item_leaves_the_others_alone() -> None:
    item = {"id": {"jmespath": "id", "required": True}}
    found = reading([{"id": 1}, {"no": 2}, {"id": 3}], each="[*]", item=item, key="id")

    assert [item.key for item in found.items] == ["1", "3"]
    assert [failure.message for failure in found.failures] == [f'rules.book.item.id: "id" found nothing on {URL}']


def test_a_rule_s_when_chooses_matches_and_places_stay() -> None:
    rows = [{"kind": "text", "t": 1}, {"kind": "picture", "t": 2}]
    found = reading(rows, each="[*]", when="kind == 'picture'", item={"t": "t"}, follow={"book": "l"}, files="f")

    assert [(dict(item.fields), item.place) for item in found.items] == [({"t": 2}, (1, 1, 1))]


def test_a_rule_s_when_that_cannot_be_rendered_is_told() -> None:
    assert failures(BOOK, when="{{ vars.none }}", item={"t": "h1"}) == [
        ("shape", f"rules.book.when: vars has no field 'none' on {URL}")
    ]


@pytest.mark.parametrize(
    ("body", "each", "expected"),
    [
        ({"list": []}, "list", []),
        ({"list": [1, None, "", 2]}, "list", [1, 2]),
        ({"list": {"a": 1}}, "list", [{"a": 1}]),
        ({}, "list || `[]`", []),
        ("<p>none", "li", []),
    ],
)
def test_each_may_find_few_or_none(body: Any, each: str, expected: list[Any]) -> None:
    item = {"v": "::text" if isinstance(body, str) else "@"}

    assert fields(body, each=each, item=item) == [{"v": value} for value in expected]


@pytest.mark.parametrize("body", [{}, {"list": None}, {"error": "wrong key"}, [1]])
def test_json_without_the_path_of_each_is_of_the_wrong_shape(body: Any) -> None:
    with pytest.raises(ShapeError) as caught:
        reading(body, each="list[*]", item={"a": "a"})

    assert caught.value.message == f'rules.book.each: "list[*]" finds no such path on {URL}'
    assert (caught.value.ending, caught.value.final) == ("failed:shape", True)


def test_each_that_cannot_be_rendered_is_of_the_wrong_shape() -> None:
    with pytest.raises(ShapeError, match=r"rules\.book\.each: vars has no field 'none'"):
        reading({}, each="{{ vars.none }}")


def test_a_page_of_another_type_is_refused() -> None:
    with pytest.raises(TypeMismatchError):
        reading(page("<!doctype html><p>x", headers={"content-type": "application/json"}), item={"a": "a"})


def test_where_each_ends_in_json_its_matches_are_json_and_root_is_the_page() -> None:
    body = """<h1>Shop</h1><img class=g src=g.jpg><script type="application/ld+json">
    {"@graph": [{"@type": "Product", "name": "Dune", "sku": 7}, {"@type": "Person"}]}</script>"""
    found = reading(
        body,
        each={"css": "script", "jmespath": '"@graph"[?"@type" == \'Product\']'},
        item={"name": "name", "sku": "sku", "shop": {"css": "h1", "root": True}},
        key="sku",
        files={"select": {"css": "img.g", "root": True}, "path": "{{ item.sku }}/{{ filename }}"},
    )

    assert [dict(item.fields) for item in found.items] == [{"name": "Dune", "sku": 7, "shop": "Shop"}]
    assert [one.path for one in found.downloads] == ["7/g.jpg"]


# -- files -------------------------------------------------------------------------------------------------


def paths(body: Any, **rule: Any) -> list[str]:
    found = reading(body, **rule)
    assert found.failures == ()
    return [one.path for one in found.downloads]


def keys(body: Any, **rule: Any) -> list[str]:
    return [one.key for one in reading(body, **rule).downloads]


def test_a_file_is_all_that_the_downloader_needs() -> None:
    template = "{{ rule }}/{{ item.title | slug }}{{ ext }}"
    found = reading(BOOK, item={"title": "h1"}, files="#cover img", settings={"path": template})

    assert found.downloads == (
        Download(
            "http://shop.example/img/dune.jpg", "http://shop.example/img/dune.jpg", "book/dune.jpg",
            item_key=REQUEST.identity, rule="book", place=(1, 1, 0, 1), template=digest_of(template),
            promised="image/*", found_on=URL,
        ),
    )  # fmt: skip


def test_an_element_promises_the_type_of_its_file() -> None:
    body = """<img src=a><picture><source srcset=b><img src=c></picture><video src=d></video><audio src=e></audio>
    <a href=f.jpg>f</a><object data=g type="image/png"></object>"""
    found = reading(body, files=["img", "picture", "video", "audio", "a", "object", "a::attr(href)"])

    told = {one.url.rpartition("/")[2]: one.promised for one in found.downloads}
    assert told == {"a": "image/*", "c": "image/*", "d": "video/*", "e": "audio/*", "f.jpg": None, "g": None}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, None),
        ({"accept": {}}, {}),
        ({"accept": {"max_bytes": "2M", "min_width": 9}}, {"max_bytes": "2M", "min_width": 9}),
    ],
)
def test_a_spec_accepts_for_itself_and_else_as_the_job(spec: Any, expected: Any) -> None:
    found = reading({"u": "a.jpg"}, files={"select": "u", **spec}, settings={"accept": Accept(types=("image/*",))})

    assert [one.accept for one in found.downloads] == [expected]


def test_a_spec_says_headers_accept_digest_and_key() -> None:
    body = {"id": 7, "url": "/f.zip", "md5": f' "{"AB" * 16}" ', "sha1": None}
    found = reading(
        page(body, private=False),
        item={"id": "id"},
        files={
            "select": "url",
            "path": "{{ item.id }}{{ ext }}",
            "key": "{{ item.id }}",
            "headers": {"Referer": "{{ page.url }}", "X-No": "{{ row.none }}", "X-Yes": 1},
            "accept": {"types": ["application/zip"]},
            "md5": "md5",
            "sha1": "sha1",
        },
    )

    assert found.downloads == (
        Download(
            "http://shop.example/f.zip", "7", "7.zip", item_key=REQUEST.identity, rule="book", place=(1, 1, 0, 1),
            keyed=True, template=digest_of("{{ item.id }}{{ ext }}"), headers={"Referer": URL, "X-Yes": 1},
            accept={"types": ("application/zip",)}, digests={"md5": "ab" * 16}, via_public=True, found_on=URL,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ filename }}", "my cover.JPG"),
        ("{{ stem }}-{{ index }}{{ ext }}", "my cover-1.JPG"),
        ("{{ host }}/{{ dir }}/{{ filename }}", "cdn.example/img/big/my cover.JPG"),
        ("{{ file.alt }}{{ ext }}", "a_b.JPG"),
        ("{{ file['data-id'] }}/{{ file.text or 'none' }}{{ ext }}", "7/none.JPG"),
        ("{{ parent.name }}/{{ row.line }}-{{ row_index }}{{ ext }}", "Novels/dune-4.JPG"),
        ("{{ item.title }}/{{ page.n }}{{ ext }}", "x_y_.._z/1.JPG"),
        ("{{ item.title | path }}{{ ext }}", "x/y/z.JPG"),
        ("{{ date | date('%Y/%m') | path }}/{{ filename }}", "2026/07/my cover.JPG"),
    ],
)
def test_a_path_knows_the_file_s_names_and_stays_safe(template: str, expected: str) -> None:
    body = "<h1>x/y/../z</h1><img src='http://cdn.example/img/big/my%20cover.JPG?s=1' alt='a/b' data-id=7>"

    assert paths(body, item={"title": "h1"}, files={"select": "img", "path": template}) == [expected]


def test_an_extension_that_only_the_response_tells_stays_open() -> None:
    assert paths("<a href='/get.php?id=1'>f</a>", files="a") == [f"get{UNKNOWN_EXT}"]


@pytest.mark.parametrize(
    ("body", "spec", "expected"),
    [
        ("<img src=a.jpg><img src=b.jpg>", "img", ["a.jpg", "b.jpg"]),
        ("<img src=a.jpg><a href=b.pdf>", ["a", "img"], ["b.pdf", "a.jpg"]),
        ("<img src=a.jpg><img src='a.jpg#x'><img src=data:,x><a href=mailto:x>", "img, a", ["a.jpg"]),
        ("<base href='/cdn/'><img src=a.jpg>", {"select": "img", "path": "{{ dir }}/{{ filename }}"}, ["cdn/a.jpg"]),
        ("<img src=a.jpg data-full=b.jpg>", "img::attr(data-full)", ["b.jpg"]),
        (
            {"pics": [{"url": "a.jpg", "n": 1}, {"url": "b.jpg", "n": 2}]},
            {"select": "pics", "path": "{{ file.n }}{{ ext }}"},
            ["1.jpg", "2.jpg"],
        ),
        ({"pic": None}, "pic", []),
        ({"pic": {"href": "a.jpg"}}, "pic", []),
        ({"id": 7}, {"url": "/get/{{ item.id }}.jpg"}, ["7.jpg"]),
        ({"id": 7}, {"url": "{{ row.pictures }}"}, []),
        ({"id": 7}, {"url": "{{ ['/a.jpg', '/b.jpg'] }}"}, ["a.jpg", "b.jpg"]),
        ({"id": 7}, "/get/{{ item.id }}.jpg", ["7.jpg"]),
        ({"id": 7}, {"path": "{{ host }}"}, ["shop.example"]),
        ({"id": 7, "u": "a.jpg"}, {"select": "u", "when": "id > `7`"}, []),
        ({"id": 7, "u": "a.jpg"}, {"select": "u", "when": "id == `7`"}, ["a.jpg"]),
        (
            "<img src=a.jpg width=9><img src=b.jpg width=900>",
            {"select": "img", "when": "{{ file.width | int > 99 }}", "path": "{{ index }}{{ ext }}"},
            ["1.jpg"],
        ),
    ],
)
def test_files_are_selected_or_built(body: Any, spec: Any, expected: list[str]) -> None:
    assert paths(body, item={"id": "h1" if isinstance(body, str) else "id"}, files=spec) == expected


@pytest.mark.parametrize(("spec", "expected"), [("img", True), ({"url": "/a.jpg"}, False), ("/{{ rule }}.jpg", False)])
def test_what_the_page_gives_is_told_from_what_the_job_builds(spec: Any, expected: bool) -> None:
    assert [one.found for one in reading("<img src=a.jpg>", files=spec).downloads] == [expected]


def test_a_template_key_is_numbered_within_its_item() -> None:
    body = "<li><b>A</b><img src=1.jpg><img src=2.jpg><a href=3.pdf></a></li><li><b>B</b><img src=1.jpg></li>"
    spec = [{"select": "img", "key": "{{ item.n }}"}, {"select": "a", "key": "{{ item.n }}"}]

    assert keys(body, each="li", item={"n": "b"}, key="n", files=spec) == ["A", "A-2", "A-3", "B"]


def test_two_matches_of_one_item_count_their_files_together() -> None:
    body = "<li><b>A</b><img src=1.jpg></li><li><b>A</b><img src=2.jpg><img src=1.jpg></li>"
    spec = {"select": "img", "key": "{{ item.n }}", "path": "{{ index }}{{ ext }}"}
    found = reading(body, each="li", item={"n": "b"}, key="n", files=spec)

    assert [(one.key, one.path, one.item_key) for one in found.downloads] == [
        ("A", "1.jpg", "A"),
        ("A-2", "2.jpg", "A"),
    ]


def test_the_default_key_is_the_canonical_url() -> None:
    assert keys("<img src='HTTP://Shop.example:80/a/../b.jpg'>", files="img") == ["http://shop.example/b.jpg"]


FILE = "http://shop.example/books/a.jpg"
IN_PATH, IN_TEXT = "is null, which a path cannot hold", "is null, where a text is needed"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"select": "u", "path": "{{ file.none }}{{ ext }}"},
            [("name", f'rules.book.files.path: "{{{{ file.none }}}}{{{{ ext }}}}": file.none {IN_PATH}, for {FILE}')],
        ),
        (
            {"select": "u", "key": "{{ row.none }}"},
            [("name", f'rules.book.files.key: "{{{{ row.none }}}}": row.none {IN_TEXT}, for {FILE}')],
        ),
        (
            {"select": "u", "sha256": "'abc'"},
            [("digest", f"rules.book.files.sha256: 'abc' is no sha256 digest, for {FILE}")],
        ),
        ({"url": "ftp://h/{{ rule }}"}, [("shape", "rules.book.files: 'ftp://h/book' is not an http or https URL")]),
        ({"url": "{{ vars.none }}"}, [("shape", f"rules.book.files: vars has no field 'none' on {URL}")]),
        (
            {"select": "u", "headers": {"A": "{{ vars.none }}"}},
            [("shape", f"rules.book.files.headers: vars has no field 'none', for {FILE}")],
        ),
    ],
)
def test_a_file_that_cannot_be_named_or_asked_for_is_told(spec: Any, expected: Any) -> None:
    assert failures({"u": "a.jpg"}, files=spec) == expected


def test_one_bad_file_leaves_the_others_alone() -> None:
    body = {"pics": [{"url": "a.jpg"}, {"url": "b.jpg", "n": "b"}]}
    found = reading(body, item={"x": "x"}, files={"select": "pics", "path": "{{ file.n }}{{ ext }}"})

    assert ([one.path for one in found.downloads], len(found.failures), len(found.items)) == (["b.jpg"], 1, 1)


@pytest.mark.parametrize("digest", ["ab" * 32, " SHA256:" + "AB" * 32 + "\n"])
def test_a_digest_is_read_in_any_common_spelling(digest: str) -> None:
    found = reading({"u": "a.jpg", "d": digest}, files={"select": "u", "sha256": "d"})

    assert [dict(one.digests) for one in found.downloads] == [{"sha256": "ab" * 32}]


# -- follow ------------------------------------------------------------------------------------------------


def test_a_link_is_a_request_that_hands_parent_and_row_down() -> None:
    found = reading(
        page(HITS, private=False), each="li", item={"name": "b"}, follow={"book": "a"}, key="name"
    ).requests[1]  # fmt: skip

    assert found == Request(
        "GET", "http://shop.example/books/b.html", rule="book", parent={"name": "B"}, row={"line": "dune"}, row_index=4,
        place=(1, 1, 1, 0, 0), depth=3, found=True, via_public=True,
    )  # fmt: skip


def test_a_rule_without_item_gives_no_parent() -> None:
    assert [one.parent for one in reading(HITS, follow={"book": "a"}).requests] == [None, None]


def urls(body: Any, **rule: Any) -> tuple[list[str], list[str]]:
    """The URLs that are followed, and those that are outside."""
    found = reading(body, **rule)
    assert found.failures == ()
    assert {why for _, why in found.skipped} <= {"outside"}
    return [one.full_url for one in found.requests], [one.full_url for one, _ in found.skipped]


LINKS = """<a href=/a#x>a</a><a href='//www.shop.example/b'>b</a><a href='http://cdn.example/c'>c</a>
<a href='mailto:x@y.example'>m</a><a>none</a><a href='http://shop.example:8080/d'>d</a>"""
A, B, C = "http://shop.example/a", "http://www.shop.example/b", "http://cdn.example/c"
D = "http://shop.example:8080/d"


@pytest.mark.parametrize(
    ("follow", "inside", "outside"),
    [
        ("a", [A], [B, C, D]),
        ("a::attr(href)", [A], [B, C, D]),
        ({"css": "a", "all": True}, [A], [B, C, D]),
        ({"select": "a", "same": "domain"}, [A, B, D], [C]),
        ({"select": "a", "same": "any"}, [A, B, C, D], []),
        ({"select": "a", "same": "any", "allow": "/[ac]$"}, [A, C], [B, D]),
        ({"select": "a", "same": "any", "deny": "cdn"}, [A, B, D], [C]),
        ({"select": "a", "depth": 3}, [A], [B, C, D]),
        ({"select": "a", "same": "any", "depth": 2}, [], [A, B, C, D]),
        ({"select": "a", "when": "h1"}, [], []),
        ({"select": "a", "when": "{{ page.n == 1 }}"}, [A], [B, C, D]),
        ("http://other.example/{{ row.line }}", ["http://other.example/dune"], []),
        ("{{ row.none }}", [], []),
        (
            {"url": "{{ base }}/x#y", "params": {"q": "{{ row.line }}", "n": "{{ row.none }}"}},
            ["http://shop.example/x?q=dune"],
            [],
        ),
        ({"url": "x/{{ page.n }}", "depth": 2}, [], ["http://shop.example/books/x/1"]),
        ({"url": "{{ row.none }}"}, [], []),
        ({"url": "{{ ['/1', '/2'] }}"}, ["http://shop.example/1", "http://shop.example/2"], []),
    ],
)
def test_links_stay_on_the_host_unless_the_job_says(follow: Any, inside: list[str], outside: list[str]) -> None:
    assert urls(LINKS, follow={"book": follow}) == (inside, outside)


def test_links_of_json_are_texts_or_objects() -> None:
    body = {"links": ["/a", {"url": "/b"}, 3]}

    assert urls(body, follow={"book": "links"})[0] == ["http://shop.example/a", "http://shop.example/b"]


def test_the_final_url_says_which_host_is_the_same() -> None:
    given = page("<a href=/x>x</a>", url="http://moved.example/")

    assert urls(given, follow={"book": "a"})[0] == ["http://moved.example/x"]


def test_a_request_is_built_in_requests_own_words() -> None:
    follow = {
        "url": "/items", "method": "post", "json": {"id": "{{ item.id }}", "no": "{{ row.none }}"},
        "headers": {"X-Id": "{{ item.id }}"}, "cookies": {"c": "1"}, "auth": {"bearer": "{{ env('TOKEN') }}"},
    }  # fmt: skip
    (made,) = reading({"id": 7}, item={"id": "id"}, follow={"book": follow}).requests

    assert (made.method, made.url, made.json, made.headers, made.cookies, made.found) == (
        "POST", "http://shop.example/items", {"id": 7}, {"X-Id": 7}, {"c": "1"}, False,
    )  # fmt: skip
    assert made.auth is not None
    assert made.auth.bearer == secrets.mark("env", "TOKEN")


def test_links_and_entries_have_their_places() -> None:
    found = reading(HITS, follow={"book": "li:last-child a", "author": "a"})

    assert [(one.rule, one.url[-6:], one.place) for one in found.requests] == [
        ("book", "b.html", (1, 1, 0, 0, 0)),
        ("author", "a.html", (1, 1, 0, 1, 0)),
        ("author", "b.html", (1, 1, 0, 1, 1)),
    ]


def test_a_link_that_comes_again_in_a_match_is_one_and_the_others_keep_their_places() -> None:
    found = reading("<a href=/a>1</a><a href='/a#top'>2</a><p>x</p><a href=/b>3</a>", follow={"book": "a"})

    assert [(one.url[-2:], one.place) for one in found.requests] == [("/a", (1, 1, 0, 0, 0)), ("/b", (1, 1, 0, 0, 2))]


def test_a_link_that_one_of_two_asks_robots_to_leave_is_told_and_followed() -> None:
    links = "<a rel=nofollow href=/a>1</a><a href=/a>2</a><a rel=NoFollow href=/a>3</a>"
    found = reading(links, follow={"book": {"select": "a", "nofollow": "obey"}})

    assert [one.place for one in found.requests] == [(1, 1, 0, 0, 1)]
    assert [(one.place, why) for one, why in found.skipped] == [((1, 1, 0, 0, 0), "robots:nofollow")]


def test_a_link_begins_the_chain_of_the_rule_it_goes_to() -> None:
    index = Rule.model_validate({"follow": {"list": "a"}})
    pages = Rule.model_validate({"read": "json", "next": {"page": "p"}})
    found = read(page("<a href='/l?p=7'>"), "index", index, NAMES, FileSettings(), {"index": index, "list": pages})

    assert [one.full_url for one in found.requests] == ["http://shop.example/l?p=1"]


@pytest.mark.parametrize(
    ("follow", "message"),
    [
        ({"url": "{{ item.none }}"}, f"rules.book.follow.book: item has no field 'none' on {URL}"),
        ({"url": "ftp://h/x"}, "rules.book.follow.book: 'ftp://h/x' is not an http or https URL"),
        ({"select": "a", "when": "{{ vars.none }}"}, f"rules.book.follow.book: vars has no field 'none' on {URL}"),
    ],
)
def test_a_link_that_cannot_be_built_is_told(follow: Any, message: str) -> None:
    assert failures(LINKS, follow={"book": follow}) == [("shape", message)]


# -- next --------------------------------------------------------------------------------------------------


def next_urls(body: Any, **rule: Any) -> list[str]:
    return [one.full_url for one in reading(body, **rule).requests if one.n == 2]


def test_the_next_page_comes_after_the_links_and_keeps_place_and_depth() -> None:
    found = reading(HITS + "<a class=n href=2.html>", follow={"book": "li a"}, next="a.n").requests[-1]

    assert (found.url, found.rule, found.n, found.place, found.depth, found.first) == (
        "http://shop.example/books/2.html", "book", 2, (1,), 2, REQUEST,
    )  # fmt: skip
    assert found.before == page_digest(page(HITS + "<a class=n href=2.html>"))


@pytest.mark.parametrize(
    ("body", "rule", "expected"),
    [
        ({"l": [1]}, {"each": "l", "item": {"a": "@"}}, True),
        ({"l": []}, {"each": "l", "item": {"a": "@"}}, False),
        ({"l": [1]}, {"each": "l", "when": "`false`", "item": {"a": "@"}}, True),
        ({"l": [{}]}, {"each": "l", "item": {"a": {"jmespath": "a", "required": True}}}, True),
        (HITS, {"follow": {"book": "a"}}, True),
        ("<p>none", {"follow": {"book": "a"}}, False),
        (LINKS, {"follow": {"book": {"select": "a", "allow": "no"}}}, True),
        ("<img src=a>", {"files": "img"}, True),
        ("<p>none", {"files": "img"}, False),
        ("<p>none", {"item": {"a": "h1"}}, False),
        ("<h1>x", {"item": {"a": "h1"}}, True),
    ],
)
def test_counting_ends_at_a_page_without_matches_or_without_anything(body: Any, rule: Any, expected: bool) -> None:
    assert bool(next_urls(body, next={"page": "p"}, **rule)) is expected


def test_a_page_equal_to_the_one_before_ends_the_count_and_gives_nothing() -> None:
    rule = Rule.model_validate({"read": "json", "each": "[*]", "item": {"a": "@"}, "next": {"page": "p"}})
    given = page([1])

    def items(previous: str | None, given_rule: Rule) -> int:
        found = read(given, "book", given_rule, NAMES, FileSettings(), {}, previous=previous)
        return len(found.items) + len(found.requests)

    assert items(None, rule) == 2
    assert items("another", rule) == 2
    assert items(page_digest(given), rule) == 0
    assert items(page_digest(given), rule.model_copy(update={"next": None})) == 1


def test_an_empty_page_before_the_last_one_of_the_source_fails() -> None:
    with pytest.raises(ShapeError, match="is empty, but the source says"):
        reading({"l": [], "pages": 3}, each="l", item={"a": "@"}, next={"page": "p", "last": "pages"})


def test_a_next_that_cannot_be_rendered_is_told_and_the_items_stay() -> None:
    found = reading(BOOK, item={"t": "h1"}, next="{{ vars.none }}")

    assert len(found.items) == 1
    assert [one.message for one in found.failures] == [f"rules.book.next: vars has no field 'none' on {URL}"]


# -- anything ----------------------------------------------------------------------------------------------

MARKUP = st.lists(
    st.sampled_from(
        ["<li>", "</li>", "<a href='", "<img src='", "<img srcset='", "'>", "/x", "a.jpg 2x, ", "http://", "[", "text",
         "%EF%B7%90", "&#xfdd0;", "{{ 7 * 7 }}", "<base href='", "<picture>", "<source srcset='", "\u202e", "../"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(MARKUP)
def test_any_html_is_read_and_nothing_in_it_is_a_mark_or_a_template(markup: str) -> None:
    found = reading(
        f"<!doctype html>{markup}",
        each="li",
        item={"text": "::text", "link": {"css": "a::attr(href)", "type": "url"}},
        files={"select": "img, a", "path": "{{ item.text or 'none' }}/{{ filename }}"},
        follow={"book": {"select": "a", "same": "any"}},
        next={"select": {"css": "a", "root": True}},
    )

    told = repr(found).replace("{{ 7 * 7 }}", "")
    assert "\ufdd0" not in told
    assert "%EF%B7%90" not in told
    assert all(".." not in one.path.split("/") for one in found.downloads)


# -- fields of fields --------------------------------------------------------------------------------------

OFFERS = """<h1>Dune</h1><div class=by><b>Herbert</b><i>Frank</i></div>
<ul><li>new <b>9.90</b><a href=/n>buy</a></li><li>used <b>2.50</b></li><li></li></ul>"""
OFFER = {"price": {"css": "b", "type": "float"}, "buy": {"css": "a::attr(href)", "type": "url"}}


def test_a_field_may_have_fields_of_its_own_and_a_list_of_them() -> None:
    by = {"item": {"last": ".by b", "first": ".by i"}}
    found = reading(OFFERS, item={"title": "h1", "by": by, "offers": {"each": "li", "item": OFFER}})
    assert [dict(one.fields) for one in found.items] == [
        {
            "title": "Dune",
            "by": {"last": "Herbert", "first": "Frank"},
            "offers": [{"price": 9.9, "buy": "http://shop.example/n"}, {"price": 2.5, "buy": None}],
        }
    ]


def test_fields_of_fields_may_be_nested_further_and_look_at_the_page_and_the_fields_before() -> None:
    inner = {"each": "b", "item": {"text": "::text", "of": "{{ item.title }}", "root": {"css": "h1", "root": True}}}
    found = reading(OFFERS, item={"title": "h1", "offers": {"each": "li:first-child", "item": {"prices": inner}}})
    assert found.items[0].fields["offers"] == [{"prices": [{"text": "9.90", "of": "Dune", "root": "Dune"}]}]


def test_what_finds_nothing_inside_is_null_or_an_empty_list() -> None:
    none = {"item": {"a": ".no", "b": ".nothing"}}
    found = reading(OFFERS, item={"title": "h1", "one": none, "some": {"each": ".no", **none}})
    assert dict(found.items[0].fields) == {"title": "Dune", "one": None, "some": []}


def test_a_required_field_inside_fails_the_item_and_is_named_by_its_way() -> None:
    offer = {**OFFER, "buy": {"css": "a::attr(href)", "required": True}}
    found = reading(OFFERS, item={"title": "h1", "offers": {"each": "li", "item": offer}})
    told = f'rules.book.item.offers.item.buy: "a::attr(href)" found nothing on {URL}'
    assert (found.items, found.failures) == ((), (Failure(URL, "shape", told),))
