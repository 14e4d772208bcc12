"""What would fill memory or disk: a client that does not want it stops reading, and the server notices.

The server keeps little that the client does not take (`Line.narrow`), so what it could send is what the client
took, plus what the kernels keep between them: 128 KiB at first, and more only for a client that reads fast.
"""

from __future__ import annotations

from typing import Any

import pytest

MIB = 1 << 20
KERNEL = 2 * MIB  # what may lie between a server and a client that stopped early
SIZE = 40_960


@pytest.fixture
def file(trial: Any, records: Any) -> Any:
    """A trial with one file."""
    trial.put("/a.bin", records(1, SIZE))
    return trial


@pytest.mark.parametrize(
    "fault",
    [{"do": "big_head", "size": "64M"}, {"do": "many_headers", "count": 1_000_000}, {"do": "interim"}],
    ids=lambda fault: fault["do"],
)
def test_a_head_without_measure_is_not_read_to_its_end(fault: Any, file: Any) -> None:
    file.spoil(fault)
    file.fetch("/a.bin")
    file.ends({"/a.bin": "failed:limit"})
    assert file.sent() < 256 * 1024 + KERNEL


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("code", "ending"), [(404, "failed:http:404"), (503, "failed:http:503"), (302, "saved")])
def test_the_bomb_of_an_answer_nobody_wants_is_not_read(code: int, ending: str, layers: int, file: Any) -> None:
    """16 GiB of zeros, 16 MiB on the wire (and gzip in gzip); at most 64 KiB of them are drained (DESIGN 4.8)."""
    size = "16G" if layers == 1 else "64M"
    file.spoil({"do": "bomb", "code": code, "size": size, "layers": layers, "to": "/a.bin?right", "times": 1})
    file.fetch("/a.bin", attempts=1)
    file.ends({"/a.bin": ending})
    assert file.sent() < KERNEL


def test_a_bomb_of_an_answer_that_is_wanted_is_its_zeros_or_nothing(file: Any) -> None:
    """A thousandfold is what honest gzip of zeros is, too; nobody else could tell the difference."""
    file.spoil({"do": "bomb", "size": "8M"})
    file.fetch("/a.bin", attempts=1)
    file.ends({"/a.bin": ("saved", "failed:limit")}, {"/a.bin": bytes(8 * MIB)})


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_stopped_at_the_size_that_is_accepted(layers: int, file: Any) -> None:
    file.spoil({"do": "bomb", "size": "16G" if layers == 1 else "64M", "layers": layers})
    file.fetch("/a.bin", attempts=1, files={"accept": {"max_bytes": "1M"}})
    file.ends({"/a.bin": "skipped:size" if layers == 1 else ("skipped:size", "failed:limit")})
    assert file.sent() < KERNEL


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_stopped_at_the_size_that_is_accepted(chunked: bool, file: Any) -> None:
    file.spoil({"do": "endless", "chunked": chunked, "rate": "16M"})
    file.fetch("/a.bin", files={"accept": {"max_bytes": "1M"}})
    file.ends({"/a.bin": "skipped:size"})
    assert file.sent() < 8 * MIB
    assert len(file.asked("/a.bin")) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_stopped_by_total(chunked: bool, file: Any) -> None:
    file.spoil({"do": "endless", "chunked": chunked, "rate": "4M"})
    file.fetch("/a.bin", attempts=1, total=0.3)
    file.ends({"/a.bin": "failed:timeout"})


@pytest.mark.parametrize("declared", ["1000000000000000", "999999999999999999"])
def test_nothing_is_reserved_for_a_length_that_is_only_declared(declared: str, file: Any) -> None:
    file.spoil({"do": "bad_length", "value": declared})
    file.fetch("/a.bin", attempts=1)
    file.ends({"/a.bin": ("failed:length", "failed:disk")})


def test_a_file_too_large_by_its_length_is_not_fetched(trial: Any, records: Any) -> None:
    trial.put("/a.bin", records(1, 16 * MIB))
    trial.spoil({"do": "stall", "at": 0})
    trial.fetch("/a.bin", files={"accept": {"max_bytes": "1M"}})
    trial.ends({"/a.bin": "skipped:size"})
