"""`scraper retry` and `scraper verify` as commands: what they say, and their exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.cli.retry import patterns_of
from scraper.server import Response, Server, Site


@pytest.fixture
def shop(site: Site, serve: Any, job: Any) -> tuple[Server, Path, dict[str, int]]:
    """A page with three pictures, its job, and a mapping of paths to the status that they answer."""
    broken = {"/b.bin": 503, "/c.bin": 404}

    def answer(request: Any, name: str) -> Any:
        path = f"/{name}.bin"
        return Response(broken[path], {}, b"") if path in broken else path.encode()

    site.route("/")(lambda request: "".join(f'<img src="/{name}.bin">' for name in "abc"))
    site.route("/<name>.bin")(answer)
    server = serve(site)
    text = f"""
        name: shop
        dest: out
        start: ["{server.url}/"]
        rules: {{r: {{files: img}}}}
        http: {{retry: {{attempts: 1}}}}
        polite: {{robots: ignore}}
    """
    return server, job(text.replace("\n        ", "\n")), broken


def test_a_dry_retry_tells_what_it_would_take_and_asks_nobody(shop: Any, scraper: Any) -> None:
    server, path, _ = shop
    assert scraper("run", path, "-q").code == 4
    before = len(server.log)
    told = scraper("retry", path, "-n")
    assert (told.code, len(server.log)) == (0, before)
    assert [line.split() for line in told.lines] == [
        ["file", "http:503", f"{server.url}/b.bin"],
        ["file", "http:404", f"{server.url}/c.bin"],
    ]
    assert "to retry: 2 files (http:404 1, http:503 1)" in told.err
    told = scraper("retry", path, "-n", "--json", "--class", "http:5xx").json
    assert (told["job"], told["total"], told["classes"], len(told["runs"])) == ("shop", 1, {"http:503": 1}, 1)
    assert [(one["kind"], one["class"]) for one in told["take"]] == [("file", "http:503")]


def test_retry_prints_what_came_and_then_there_is_nothing_to_retry(shop: Any, scraper: Any) -> None:
    _, path, broken = shop
    scraper("run", path, "-q")
    del broken["/b.bin"]
    told = scraper("retry", path)
    assert (told.code, [Path(line).name for line in told.lines]) == (4, ["b.bin"])
    broken.clear()
    told = scraper("retry", path, "--json")
    assert (told.code, told.json["files"]["saved"], told.json["exit_code"]) == (0, 1, 0)
    told = scraper("retry", path)
    assert (told.code, told.out) == (0, "")
    assert "nothing to retry" in told.err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--class", "timeuot"), 'there is no such class; did you mean "timeout"?'),
        (("--class", "http:9xx"), "there is no such class"),
        (("--since", "yesterday"), "write 2d or 3h, a date such as 2026-11-20, or a run; the newest runs are"),
    ],
)
def test_what_is_not_known_is_told_with_the_cure(args: Any, told: str, shop: Any, scraper: Any) -> None:
    _, path, _ = shop
    scraper("run", path, "-q")
    answer = scraper("retry", path, *args)
    assert answer.code == 2
    assert told in " ".join(answer.err.split())


def test_classes_are_given_with_commas_or_several_times() -> None:
    assert patterns_of(("timeout, http:5xx", "http", "timeout")) == ("timeout", "http:5[0-9][0-9]", "http:*")
    assert patterns_of(("all",)) == patterns_of(()) == ("*",)


def test_before_the_first_run_there_is_nothing_to_ask(shop: Any, scraper: Any) -> None:
    _, path, _ = shop
    assert scraper("retry", path).code == scraper("verify", path).code == 2


def test_verify_tells_damage_and_repairs_it(shop: Any, scraper: Any, folder: Path) -> None:
    server, path, broken = shop
    broken.clear()
    scraper("run", path, "-q")
    assert scraper("verify", path).code == 0
    (folder / "out/a.bin").write_bytes(b"/a")
    (folder / "out/b.bin").rename(folder / "out/else\x1b.bin")
    told = scraper("verify", "-d", "out", "-v")
    assert told.code == 4
    assert told.lines[:2] == ["changed    a.bin: truncated, 2 bytes of 6", "missing    b.bin"]
    assert told.lines[2].startswith("foreign    else")
    assert "\x1b" not in told.out
    before = len(server.log)
    told = scraper("verify", path, "--repair", "--json")
    assert (told.code, told.json["repair"]["restored"], told.json["missing"]) == (0, 2, 1)
    assert sorted(seen.target for seen in server.log[before:]) == ["/a.bin", "/b.bin"]
    told = scraper("verify", path)
    assert (told.code, told.lines[1:]) == (
        0,
        ["  3 whole", "  1 foreign: the ledger does not know them (-v lists them)"],
    )


def test_without_the_job_nothing_is_repaired(shop: Any, scraper: Any) -> None:
    _, path, _ = shop
    scraper("run", path, "-q")
    told = scraper("verify", "-d", "out", "--repair")
    assert (told.code, "name it: scraper verify JOB --repair" in told.err) == (2, True)
