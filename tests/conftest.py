"""What every test stands on: no network but loopback, no proxies, no settings of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from scraper.testing.loopback import only_loopback

pytest_plugins = ["pytester"]  # tests/testing runs pytest in pytest

_PROXIES = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: a test waits for its timeouts as long as it works."""
    return (3 * (os.cpu_count() or 1) + 1) // 2


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    with only_loopback(names_fail=True):
        yield


@pytest.fixture(scope="session")
def _runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where runs of this session share the limits of hosts: with each other, and with nobody else."""
    return str(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, _runtime_folder: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", _runtime_folder)
    monkeypatch.setenv("SCRAPER_SHARE", f"{_runtime_folder}/hosts")
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
