"""The body of an answer on its way to a tape, where the disk takes no more."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.tape.body import Body


@pytest.fixture
def short_files() -> Iterator[None]:
    """No file of this process gets longer than 2 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [5_000, 70_000, 1_050_000])
def test_what_a_full_disk_took_of_it_goes_without_a_word(size: int, short_files: None, tmp_path: Path) -> None:
    body = Body(tmp_path)
    with pytest.raises(OSError, match="too large"):  # noqa: PT012 - which of them is one too many is all the same
        for _ in range(1000):
            body.append(bytes(size))
    body.discard()
    assert [*tmp_path.iterdir()] == []
