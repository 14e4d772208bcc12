"""A headless Chromium, driven by its own protocol over two pipes: no driver, no library, no port.

with Browser() as browser:
    tab = browser.open(uri, width=390, dark=True)
    tab.evaluate("document.title"), tab.requests, tab.complaints, tab.screenshot()
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from base64 import b64decode
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
LONGEST = 60.0
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--force-device-scale-factor=1", "about:blank",
)  # fmt: skip


def found() -> str | None:
    """Where Chromium is; the variable CHROMIUM names another."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """The process."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        (hears, self._to), (self._from, tells) = os.pipe(), os.pipe()
        shell = f'exec "$0" "$@" 3<&{hears} 4>&{tells}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, found() or "chromium", f"--user-data-dir={self._profile}", *_FLAGS],
            pass_fds=(hears, tells), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(hears)
        os.close(tells)
        self._left = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its answer; events that come before it are kept."""
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            said["sessionId"] = session
        data = json.dumps(said).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            heard = self.hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, (method, heard["error"])
                result: dict[str, Any] = heard["result"]
                return result

    def hear(self) -> dict[str, Any]:
        """The next message; an event is kept."""
        while b"\0" not in self._left:
            more = os.read(self._from, 1 << 20)
            assert more, "the browser ended"
            self._left += more
        raw, _, self._left = self._left.partition(b"\0")
        heard: dict[str, Any] = json.loads(raw)
        if "method" in heard:
            self.events.append(heard)
        return heard

    def open(self, uri: str, *, width: int, dark: bool, height: int = 900) -> Tab:
        """A tab that has loaded a page."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        is_phone = width < 600
        tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        tab.ask("Page.navigate", url=uri)
        while not any(each["method"] == "Page.loadEventFired" for each in tab.events):
            self.hear()
        return tab


class Tab:
    """A page that was loaded."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of this tab."""
        return self._browser.ask(method, self._session, **params)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it told since it was opened."""
        return [each for each in self._browser.events if each.get("sessionId") == self._session]

    def evaluate(self, script: str) -> Any:
        """The value of a script, awaited where it is a promise."""
        told = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    @property
    def requests(self) -> list[str]:
        """The URLs that it asked for, but for those that hold what they stand for."""
        sent = [each for each in self.events if each["method"] == "Network.requestWillBeSent"]
        urls = [each["params"]["request"]["url"] for each in sent]
        return [url for url in urls if not url.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """What stands in its console."""
        return [
            json.dumps(each["params"])
            for each in self.events
            if each["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]

    def screenshot(self, top: int = 0, height: int | None = None) -> bytes:
        """The page as PNG, whole or a part of its height."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": top, "width": size["width"], "height": height or size["height"], "scale": 1}
        return b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return b64decode(self.ask("Page.printToPDF")["data"])
