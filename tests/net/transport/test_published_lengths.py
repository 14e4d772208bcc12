"""Published cases for Content-Length (web-platform-tests), by each transport; from the folder that CONFORMANCE names.

They are here, where the transports are; `make conformance` runs them with those of tests/conformance.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Server

FOLDER = os.environ.get("CONFORMANCE")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CONFORMANCE does not name the folder of the published cases")

BODY = bytes(range(42))
# Browsers read these to the end of the connection, so that a body that was cut counts as whole.
GARBAGE = ("aaaah\r\nContent-Length: aaaah", "aaaah, aaaah", "aaaah", "42s", "30s", "-1", "0x20")


def taken(one: Any) -> int | None:
    """The bytes that an exchange takes for the body; None where it refuses the head.

    Where the body is longer than the length, the transport takes that many bytes, and then says that more came: a
    browser shows such a page, but such a file is cut.
    """
    if one.ending == "failed:protocol":
        assert (one.told, one.body) == (["done"], b"")
        return None
    assert one.ending == ("whole" if one.body == BODY else "failed:length")
    assert BODY.startswith(one.body)
    return len(one.body)


def test_21_of_28_lengths_count_as_published_and_the_7_that_are_none_are_refused(
    carry: Any, server: Server, raw: Any, record_property: Callable[[str, object], None]
) -> None:
    assert FOLDER is not None
    cases = json.loads(Path(FOLDER, "content-lengths.json").read_text(encoding="utf-8"))
    found = {}
    for at, case in enumerate(cases):
        answer = raw(*case["input"].split("\r\n"), body=BODY)
        server.site.route(f"/{at}")(lambda request, answer=answer: answer)
        found[case["input"]] = taken(carry(f"{server.url}/{at}")[0])

    garbage = {f"Content-Length: {value}" for value in GARBAGE}
    wanted = {case["input"]: None if case["input"] in garbage else case["output"] for case in cases}
    as_given = sum(found[case["input"]] == case["output"] for case in cases)
    refused = sum(found[line] is None for line in garbage)
    told = (
        f"{as_given} of {len(cases)} as given (of a longer body that much, then failed:length), {refused} of 7 refused"
    )
    record_property("figure", f"content-lengths.json, {carry.name}: {told}")
    assert (found, len(found), as_given, refused) == (wanted, 28, 21, 7)
