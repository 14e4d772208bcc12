"""W9: our server asked by ab, and what ab says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import results, servers
from bench.__main__ import main
from bench.results import Checked
from bench.servers import Unavailable
from bench.serving import CONNECTIONS, SIZE, judged

SAID = """
Time taken for tests:   0.010 seconds
Complete requests:      {}
Failed requests:        {}
   (Connect: 0, Receive: 0, Length: 0, Exceptions: 0)
{}Keep-Alive requests:    {}
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((100, 0, "", 100), Checked(100, 0, 0, 100 * SIZE)),
        ((100, 3, "", 100), Checked(97, 3, 0, 97 * SIZE)),
        ((100, 0, "Non-2xx responses:      100\n", 100), Checked(0, 100, 0, 0)),
        ((100, 0, "", 40), Checked(40, 60, 0, 40 * SIZE)),
        ((60, 0, "", 60), Checked(60, 0, 40, 60 * SIZE)),
    ],
)
def test_what_failed_is_no_2xx_or_was_not_kept_open_is_not_right(
    said: tuple[int, int, str, int], expected: Checked
) -> None:
    assert judged(SAID.format(*said), 100) == expected


@pytest.mark.slow
def test_our_server_and_nginx_are_asked_over_one_and_many_connections(tmp_path: Path) -> None:
    if shutil.which("ab") is None:
        pytest.skip("ab is not installed")
    try:
        servers.nginx_path()
    except Unavailable as error:
        pytest.skip(str(error))
    raw = tmp_path / "raw.json"
    options = ["--runs", "1", "--scale", "0.01", "--cache", str(tmp_path / "c"), "--tmp", str(tmp_path)]

    code = main(["W9", *options, "--results", str(raw)])

    cases = results.load(raw)["cases"]
    assert (code, len(cases)) == (0, len(CONNECTIONS))
    for case in cases:
        assert [(one.peer, one.checked.right, one.checked.wrong) for one in case.results] == [
            ("serve", 400, 0),
            ("nginx", 400, 0),
        ]
