"""A Scrapy spider that reads pages and follows their links: `scrapy_pages.py START DEST JOBS KIND`, KIND html or json.

It extracts the same fields, follows the same links through Scrapy's own filter of duplicates, and writes its items to
DEST/records.jsonl by its feed export. Settings are those for speed: no delay, cookies, telnet, robots, retries or log.
"""

import sys

import scrapy
from scrapy.crawler import CrawlerProcess


class Spider(scrapy.Spider):
    """Begins at START, which is a page like all others: met again it is not read again."""

    start_url = ""

    async def start(self):
        """One request, which the filter of duplicates sees."""
        yield scrapy.Request(self.start_url, callback=self.parse)


class Html(Spider):
    """Products, one a page."""

    name = "html"

    def parse(self, response):
        """The product, and the links of its cards."""
        yield {
            "title": " ".join(response.css("h1::text").get().split()),
            "price": float(response.css("p.price::text").re_first(r"[0-9.]+")),
            "about": " ".join(response.css("div.about p::text").get().split()),
            "tags": response.css("ul.tags li::text").getall(),
        }
        yield from response.follow_all(css="article.card h3 a", callback=self.parse)


class Json(Spider):
    """Products, some a page."""

    name = "json"

    def parse(self, response):
        """The products, and their links."""
        for row in response.json()["rows"]:
            yield {"title": row["title"], "price": row["price"], "about": row["about"]}
            for link in row["links"]:
                yield response.follow(link, callback=self.parse)


def main(start, dest, jobs, kind):
    """Runs the spider."""
    process = CrawlerProcess(
        {
            "FEEDS": {f"{dest}/records.jsonl": {"format": "jsonlines", "encoding": "utf8"}},
            "CONCURRENT_REQUESTS": int(jobs),
            "CONCURRENT_REQUESTS_PER_DOMAIN": int(jobs),
            "DOWNLOAD_DELAY": 0,
            "COOKIES_ENABLED": False,
            "ROBOTSTXT_OBEY": False,
            "RETRY_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_ENABLED": False,
            "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
        }
    )
    process.crawl({"html": Html, "json": Json}[kind], start_url=start)
    process.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
