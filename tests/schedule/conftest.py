"""Homes of their own: nothing of the machine's schedules is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home; XDG's folders are in it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "STATE", "RUNTIME"):
        folder = home / name.lower()
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}_HOME" if name != "RUNTIME" else "XDG_RUNTIME_DIR", str(folder))
    return home


@pytest.fixture
def no_keepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither systemd nor cron is there."""
    monkeypatch.setenv("PATH", "/nonexistent")
