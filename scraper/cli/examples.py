"""What stands below the options in the help of each command: how it is called."""

from __future__ import annotations

_EXAMPLES = {
    "run": """
        scraper run books.yaml --limit 5 -v
        scraper run books.yaml --var base=http://127.0.0.1:8000 -o polite.delay=1
        scraper run books.yaml --tape tapes/books.warc.gz -d /tmp/books   # offline
    """,
    "get": """
        scraper get https://example.org/a.jpg https://example.org/b.jpg -d pictures
        scraper get -i urls.txt -j 4 -o polite.delay=0.5
    """,
    "validate": """
        scraper validate jobs/*.yaml
    """,
    "init": """
        scraper init books.yaml && scraper validate books.yaml
    """,
    "schema": """
        scraper schema > job.schema.json
    """,
    "plan": """
        scraper plan books.yaml --limit 20
        scraper plan books.yaml --json --sample 0
    """,
    "record": """
        scraper record books.yaml --limit 20
        scraper record books.yaml && scraper test books.yaml
    """,
    "test": """
        scraper test jobs/*.yaml
        scraper test books.yaml -k prices
        scraper test books.yaml --update     # where a change of the job is meant
    """,
    "export": """
        scraper export books.yaml -o books.csv
        scraper export -d output/books --what failures
    """,
    "probe": """
        scraper probe https://example.org/a.jpg
        scraper probe https://example.org/a.jpg --job books.yaml --json
        scraper probe udp://127.0.0.1:6789 --service daytime
    """,
    "serve": """
        scraper serve public --port 0 --log
        scraper serve public --tls --faults faults.yaml
        scraper serve --wsgi /api=shop.web:app --service daytime:6789
    """,
    "demo": """
        scraper demo -d /tmp/demo
    """,
}


def examples(command: str) -> str:
    """The epilog of a command, which click prints as it stands."""
    lines = (line.strip() for line in _EXAMPLES[command].strip().splitlines())
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
