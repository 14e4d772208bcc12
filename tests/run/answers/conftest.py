"""The command line in process, and a world in which nearly everything went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.main import cli
from tests import endings

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
_TOOK = re.compile(r"\b\d+\.\d s\b")


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def flat(self) -> str:
        """The words, however they were wrapped."""
        return " ".join(self.out.split())

    def plain(self, *replaced: tuple[str, str]) -> str:
        """stdout without what is different each time."""
        text = self.out
        for old, new in replaced:
            text = text.replace(old, new)
        return _TOOK.sub("N s", _RUN.sub("RUN", _TIME.sub("TIME", text)))


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`tell("why", url, "-d", dest)`: a command line in process."""

    def call(*args: Any) -> Told:
        capsys.readouterr()
        code = cli([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Told(int(code), captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[endings.World]:
    """A run that has ended, and its job as a file; nobody changes it."""
    with endings.world(tmp_path_factory.mktemp("world")) as made:
        made.run()
        made.write_job()
        yield made


@pytest.fixture
def job_file(world: endings.World) -> Path:
    """The job of the world."""
    return world.folder / "endings.yaml"
