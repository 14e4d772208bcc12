"""Whatever a server does wrong, a probe ends, in time, and says what it met."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server import Server
from scraper.server.faults import FAULTS, read_faults

FULL = {"status": {"code": 503}}
"""What a fault cannot be made without."""
IN_THE_HEAD = {
    "hang_up": "protocol", "silence": "timeout", "drip_head": "timeout", "http09": "protocol", "bad_header": "protocol",
    "big_head": "limit", "interim": "limit", "bad_length": "protocol", "redirect": "redirect", "status": "503",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_fault_ends_in_a_report(name: str, server: Server, ask: Any) -> None:
    server.site.route("/x")(lambda request: b"hello" * 2000)
    server.site.lay(read_faults([{"url": "*/x", "do": name, **FULL.get(name, {})}]))
    told = ask(f"{server.url}/x", "http.timeout.read=0.1", "http.timeout.connect=1")
    assert told.report.exit_code == (4 if told.report.failures else 0)
    assert all(trouble.next for trouble in told.report.failures)
    if name in IN_THE_HEAD:
        assert [each.name for each in told.report.failures] == [IN_THE_HEAD[name]]
