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
    "status": """
        scraper status
        scraper status jobs/ --check
        scraper status -d output/books --json
    """,
    "runs": """
        scraper runs books.yaml
        scraper runs -d output/books --limit 5 --json
    """,
    "why": """
        scraper why https://example.org/a.jpg books.yaml
        scraper why covers/a.jpg -d output/books
        scraper why output/books/covers/a.jpg -d output/books --json
    """,
    "retry": """
        scraper retry books.yaml -n
        scraper retry books.yaml --class timeout,http:5xx --since 2d
    """,
    "forget": """
        scraper forget https://example.org/a.jpg books.yaml
        scraper forget 'covers/*.png' -d output/books --delete
        scraper forget --class http:404 books.yaml -n
    """,
    "adopt": """
        scraper adopt ~/gallery-dl/books books.yaml
        scraper adopt output/books books.yaml        # what stands there already
        scraper adopt /mnt/old books.yaml --move --by path
    """,
    "prune": """
        scraper prune books.yaml
        scraper prune -d output/books --yes --min-age 30d
        scraper prune books.yaml --yes --to /mnt/trash/books
    """,
    "verify": """
        scraper verify -d output/books -v
        scraper verify books.yaml --repair
    """,
    "report": """
        scraper report books.yaml --open
        scraper report -d output/books --last 30
    """,
    "schedule": """
        scraper schedule show jobs
        scraper schedule run jobs
        scraper schedule install jobs --print
    """,
    "schedule show": """
        scraper schedule show jobs
        scraper schedule show books.yaml --json
    """,
    "schedule run": """
        scraper schedule run jobs
        scraper schedule run jobs --at-once 4 --json >> runs.jsonl
    """,
    "schedule install": """
        scraper schedule install jobs
        scraper schedule install jobs --cron --print
    """,
    "schedule uninstall": """
        scraper schedule uninstall jobs
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
    "config": """
        scraper config show books.yaml http.timeout
        scraper config path
    """,
    "config show": """
        scraper config show
        scraper config show books.yaml polite -o polite.delay=1
        scraper config show books.yaml --json
    """,
    "config path": """
        scraper config path
    """,
    "completion": """
        scraper completion bash > ~/.local/share/bash-completion/completions/scraper
        scraper completion zsh > ~/.zfunc/_scraper
        scraper completion fish > ~/.config/fish/completions/scraper.fish
    """,
}


def examples(command: str) -> str:
    """The epilog of a command, which click prints as it stands."""
    lines = (line.strip() for line in _EXAMPLES[command].strip().splitlines())
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
