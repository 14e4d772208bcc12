"""Environments of Python peers: each one's own, below the cache folder, never the project's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.servers import Unavailable

PACKAGES: dict[str, tuple[str, ...]] = {
    "requests": ("requests>=2.32",),
    "parfive": ("parfive>=2.2",),
    "gallery-dl": ("gallery-dl>=1.30",),
    "scrapy": ("scrapy>=2.13", "uvloop>=0.21"),
    "img2dataset": ("img2dataset>=1.47",),
}
ROOT = Path(__file__).resolve().parents[1]
"""Where the package `bench` lies."""
LONGEST = 900  # seconds for one installation


class Environments:
    """The environments below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def program(self, name: str, program: str) -> Path:
        """A program of an environment.

        Raises:
            Unavailable: The environment is not there.
        """
        if not (self._folder / name / ".ready").exists():
            raise Unavailable(f"{name} is not installed for the bench (python -m bench --install)")
        return self._folder / name / "bin" / program

    def install(self, name: str) -> None:
        """Makes an environment, if it is not there.

        Raises:
            Unavailable: pip could not.
        """
        folder = self._folder / name
        if (folder / ".ready").exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        commands = (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]],
        )
        for command in commands:
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST)
            except subprocess.TimeoutExpired:
                raise Unavailable(f"{name} could not be installed within {LONGEST} s") from None
            except subprocess.CalledProcessError as error:
                words = (error.stderr or error.stdout).strip().splitlines()
                raise Unavailable(f"{name} could not be installed: {words[-1] if words else error}") from error
        (folder / ".ready").touch()

    def version(self, name: str) -> str:
        """The version of an environment's package of the same name; empty where it is not there."""
        try:
            python = self.program(name, "python")
        except Unavailable:
            return ""
        code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
        done = subprocess.run([str(python), "-c", code, name], capture_output=True, text=True, check=False)
        return done.stdout.strip()
