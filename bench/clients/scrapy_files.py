"""Scrapy's FilesPipeline: `scrapy_files.py LIST DEST JOBS PER_HOST ATTEMPTS TIMEOUT`.

The spider yields one item with its file URL for each line; a first request is not needed. Settings are those for
speed: no delay, cookies, telnet, robots, redirects of media or log below WARNING; uvloop; files named as in the URL.
"""

import sys

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.pipelines.files import FilesPipeline


class Named(FilesPipeline):
    """Keeps the names of the URLs."""

    def file_path(self, request, response=None, info=None, *, item=None):
        """The last part of the URL."""
        return request.url.rpartition("/")[2]


class Spider(scrapy.Spider):
    """Items out of a list."""

    name = "bench"
    listed = ""

    async def start(self):
        """One item a line."""
        with open(self.listed, encoding="ascii") as file:
            for line in file:
                yield {"file_urls": [line.strip()]}


def main(listed, dest, jobs, per_host, attempts, timeout):
    """Runs the spider."""
    Spider.listed = listed
    process = CrawlerProcess(
        {
            "ITEM_PIPELINES": {Named: 1},
            "FILES_STORE": dest,
            "CONCURRENT_REQUESTS": int(jobs),
            "CONCURRENT_REQUESTS_PER_DOMAIN": int(per_host),
            "CONCURRENT_ITEMS": int(jobs),
            "REACTOR_THREADPOOL_MAXSIZE": 20,
            "DOWNLOAD_DELAY": 0,
            "DOWNLOAD_TIMEOUT": float(timeout),
            "DOWNLOAD_MAXSIZE": 0,
            "DOWNLOAD_WARNSIZE": 0,
            "COOKIES_ENABLED": False,
            "ROBOTSTXT_OBEY": False,
            "RETRY_ENABLED": int(attempts) > 1,
            "RETRY_TIMES": int(attempts) - 1,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
            "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
        }
    )
    process.crawl(Spider)
    process.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
