"""Published cases for cookies (http-state): Set-Cookie lines and the Cookie header that then goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from scraper.net.cookies import Jar

HERE = "http://home.example.org:8888/cookie-parser"
NOW = datetime(2012, 1, 1, tzinfo=UTC).timestamp()

# All three were put aside by those who published them.
FALL = {
    "DISABLED_CHROMIUM0022": "a line with a NUL is refused, not cut",
    "DISABLED_CHROMIUM0023": "a line with a CR is refused, not cut",
    "DISABLED_PATH0029": "paths are compared as they are written (RFC 6265 section 5.1.4)",
}


def sent(case: dict[str, Any]) -> str:
    """What our jar sends after the lines of a case."""
    jar = Jar(lambda url: False, lambda: NOW)
    jar.take(HERE, case["received"])
    return jar.header_for(urljoin(HERE, case.get("sent-to", f"/cookie-parser-result?{case['test']}")))


def expected(case: dict[str, Any]) -> str:
    return "; ".join(f"{one['name']}={one['value']}" for one in case["sent"])


def test_219_of_the_222_cases_send_what_is_published(published: Any, figure: Any) -> None:
    cases = published("cookies.json")
    missed = {case["test"] for case in cases if sent(case) != expected(case)}
    figure(
        f"cookies.json: {len(cases) - len(missed)} of {len(cases)} (>= 200 asked; falling: {', '.join(sorted(missed))})"
    )

    assert (len(cases), missed) == (222, set(FALL))
