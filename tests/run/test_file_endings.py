"""Files are whole or not there at all, and each host goes at its own pace."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import struct
import threading
from typing import Any

import pytest

from scraper.run.control import Control
from scraper.server import Raw, Response, Site
from scraper.server.fixture.pictures import picture

WAIT = 5  # seconds that an event may take before a test fails
PNG = {"Content-Type": "image/png"}


def reset(sock: socket.socket) -> None:
    """Ends a connection with a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ENDINGS: dict[str, tuple[Any, str]] = {
    "whole": (Raw(HEAD + b"Content-Length: 6\r\n\r\npixels"), "saved"),
    "without a length": (Raw(HEAD + b"\r\npixels"), "saved"),
    "chunked": (Raw(CHUNKED + b"6\r\npixels\r\n0\r\n\r\n"), "saved"),
    "empty": (Response(200, PNG, b""), "saved"),
    "shorter than declared": (Raw(HEAD + b"Content-Length: 9\r\n\r\npixels"), "failed:length"),
    "two lengths": (Raw(HEAD + b"Content-Length: 6\r\nContent-Length: 9\r\n\r\npixels"), "failed:protocol"),
    "reset": (Raw(HEAD + b"Content-Length: 999999\r\n\r\npixels", hook=reset), "failed:protocol"),
    "reset before the answer": (Raw(b"", hook=reset), "failed:protocol"),
    "chunk cut": (Raw(CHUNKED + b"9\r\npix"), "failed:protocol"),
    "chunks without an end": (Raw(CHUNKED + b"6\r\npixels\r\n"), "failed:protocol"),
    "chunk size is none": (Raw(CHUNKED + b"zz\r\npixels\r\n"), "failed:protocol"),
    "gzip": (Response(200, {**PNG, "Content-Encoding": "gzip"}, gzip.compress(b"pixels")), "saved"),
    "gzip cut": (Response(200, {**PNG, "Content-Encoding": "gzip"}, gzip.compress(b"pixels")[:-3]), "failed:encoding"),
    "gzip is none": (Response(200, {**PNG, "Content-Encoding": "gzip"}, b"pixels"), "failed:encoding"),
    "unknown encoding": (Response(200, {**PNG, "Content-Encoding": "rot13"}, b"pixels"), "failed:encoding"),
    "range that nobody asked for": (
        Response(206, {**PNG, "Content-Range": "bytes 0-2/6"}, b"pix"), "failed:protocol",
    ),
    "not HTTP": (Raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "failed:protocol"),
    "404": (Response(404, {}, b"no"), "failed:http:404"),
    "410": (Response(410, {}, b"no"), "failed:http:410"),
    "500": (Response(500, {}, b"no"), "failed:http:500"),
    "not modified, unasked": (Response(304, {}), "failed:http:304"),
    "no location": (Response(302, {}), "failed:redirect"),
    "another scheme": (Response(302, {"Location": "file:///etc/passwd"}), "failed:redirect"),
    "round and round": (Response(302, {"Location": "/f"}), "failed:redirect"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDINGS)
def test_a_file_is_whole_or_not_there(case: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    answer, ending = ENDINGS[case]
    server = shelf({"/f": answer})
    ended = run_job(server, items_job("f.png", http={"retry": {"attempts": 2}}))
    saved = {"f.png": b"" if case == "empty" else b"pixels"} if ending == "saved" else {}
    assert (ended.endings("v_files", server.url), ended.files) == ({"/f": ending}, saved)
    assert ended.code == (0 if ending == "saved" else 4)
    assert [one["class"] for one in ended.summary.failures] == ([] if saved else [ending.removeprefix("failed:")])
    assert ended.fields("_files") == [list(saved)]


def test_failures_are_told_with_url_class_and_message(shelf: Any, run_job: Any, items_job: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    server = shelf(
        {"/a.png": Response(404, {}, b""), "/b.png": b"ok"},
        ("a", "/a.png"),
        ("b", "/b.png"),
        ("c", f"http://127.0.0.1:{port}/c.png"),
    )
    ended = run_job(server, items_job(http={"retry": {"attempts": 1}}))
    told = {one["url"]: (one["class"], bool(one["message"])) for one in ended.summary.failures}
    assert told == {f"{server.url}/a.png": ("http:404", True), f"http://127.0.0.1:{port}/c.png": ("connect", True)}
    assert (ended.code, ended.summary.files.as_dict()) == (4, {"saved": 1, "unchanged": 0, "skipped": 0, "failed": 2})


def test_a_failed_file_is_saved_at_a_later_attempt(shelf: Any, run_job: Any, items_job: Any) -> None:
    answers = iter([Raw(b""), Response(503, {}, b""), Raw(HEAD + b"Content-Length: 9\r\n\r\npix"), b"pixels"])
    ended = run_job(shelf({"/a.png": lambda request: next(answers)}), items_job())
    assert (ended.files, ended.view("v_files")[0]["attempts"]) == ({"a.png": b"pixels"}, 4)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("is_right", [True, False])
def test_a_promised_digest_is_compared(algorithm: str, is_right: bool, site: Site, serve: Any, run_job: Any) -> None:
    digest = hashlib.new(algorithm, b"pixels" if is_right else b"other").hexdigest().upper()
    site.route("/")(lambda request: {"rows": [{"u": "/a.png", "sum": digest}, {"u": "/b.png"}]})
    site.route("/<name>")(lambda request, name: b"pixels")
    server = serve(site)
    rule = {"read": "json", "each": "rows", "item": {"u": "u"}, "files": {"select": "u", algorithm: "sum"}}
    ended = run_job(server, {"start": ["{{ base }}/"], "rules": {"r": rule}})
    expected = {"/a.png": "saved" if is_right else "failed:digest", "/b.png": "saved"}
    assert ended.endings("v_files", server.url) == expected
    assert sorted(ended.files) == [path.strip("/") for path, ending in expected.items() if ending == "saved"]


# -- hosts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_retry_after_that_is_over_waits_for_nothing(after: str, shelf: Any, run_job: Any, items_job: Any) -> None:
    answers = iter([Response(503, {"Retry-After": after}, b""), Response(429, {"Retry-After": after}, b""), b"pixels"])
    job = items_job(http={"retry": {"first_wait": 60}})
    ended = run_job(shelf({"/a.png": lambda request: next(answers)}), job)
    assert (ended.files, ended.view("v_files")[0]["attempts"]) == ({"a.png": b"pixels"}, 3)


def test_a_host_that_asks_for_more_than_six_hours_is_busy(shelf: Any, run_job: Any, items_job: Any) -> None:
    server = shelf({"/a.png": Response(503, {"Retry-After": "21601"}, b"")})
    ended = run_job(server, items_job())
    assert ended.endings("v_files", server.url) == {"/a.png": "failed:busy"}


def test_a_parked_host_does_not_stop_the_others(
    site: Site, serve: Any, run_job: Any, heard: Any, items_page: Any, items_job: Any
) -> None:
    """One host asks for an hour; the other's two hundred files come meanwhile, then a signal ends the run."""

    busy = Site()
    busy.route("/<name>")(lambda request, name: Response(503, {"Retry-After": "3600"}, b""))
    parked = serve(busy)
    urls = [f"{parked.url}/{at}" for at in range(200)] + [f"/{at}.png" for at in range(200)]
    site.route("/")(lambda request: items_page(*((str(at), url) for at, url in enumerate(urls))))
    site.route("/<name>")(lambda request, name: b"pixels")
    control, saved = Control(), []

    def count(url: str, ending: str) -> None:
        saved.append(url) if ending == "saved" else None
        if len(saved) == 200:
            control.stop(130)

    server = serve(site)
    ended = run_job(server, items_job(), events=heard(count), control=control)
    assert (ended.code, ended.summary.files.saved, ended.summary.files.failed) == (130, 200, 0)
    assert len(parked.log) <= 1 + 4  # robots.txt, and what was in flight when the first answer came


def test_a_host_that_stalls_does_not_stop_the_others(
    site: Site, serve: Any, run_job: Any, heard: Any, items_page: Any, items_job: Any
) -> None:
    others_done = threading.Event()
    stalling = Site()
    stalling.route("/robots.txt")(lambda request: Response(404, {}, b""))
    stalling.route("/<name>")(lambda request, name: b"late" if others_done.wait(WAIT) else Response(500, {}, b""))
    slow = serve(stalling)
    urls = [f"{slow.url}/{at}" for at in range(100)] + [f"/{at}.png" for at in range(200)]
    site.route("/")(lambda request: items_page(*((str(at), url) for at, url in enumerate(urls))))
    site.route("/<name>")(lambda request, name: b"pixels")
    saved: list[str] = []

    def count(url: str, ending: str) -> None:
        saved.append(url) if ".png" in url else None
        if len(saved) == 200:
            others_done.set()

    ended = run_job(serve(site), items_job(files={"jobs": 8}), events=heard(count))
    assert (ended.code, ended.summary.files.saved, others_done.is_set()) == (0, 300, True)


def test_no_more_than_per_host_are_in_flight(
    site: Site, serve: Any, run_job: Any, items_page: Any, items_job: Any
) -> None:
    lock, flying, most = threading.Lock(), [0], [0]

    @site.route("/<name>")
    def answer(request: Any, name: str) -> bytes:
        with lock:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
        request.wait(0.005)
        with lock:
            flying[0] -= 1
        return b"pixels"

    site.route("/")(lambda request: items_page(*((str(at), f"/{at}.png") for at in range(40))))
    ended = run_job(serve(site), items_job(polite={"per_host": 3}))
    assert (ended.summary.files.saved, most[0] <= 3) == (40, True)


def test_a_file_is_bigger_than_memory_pieces_and_hashes_right(shelf: Any, run_job: Any, items_job: Any) -> None:
    body = os.urandom(3 * 1024 * 1024 + 17)
    ended = run_job(shelf({"/a.png": body}), items_job())
    row = ended.view("v_files")[0]
    assert (row["bytes"], row["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert ended.files == {"a.png": body}
    assert ended.summary.bytes == len(body)


def test_the_view_tells_what_there_is_to_know_of_a_file(shelf: Any, run_job: Any, items_job: Any) -> None:
    body = picture(1, "png")
    headers = {"Content-Type": "image/png; x=y", "ETag": '"e"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
    server = shelf({"/a.png": Response(200, headers, body)})
    ended = run_job(server, items_job())
    row = ended.view("v_files")[0]
    assert row.pop("seconds") >= 0
    assert row == {
        "run": ended.summary.run,
        "url": f"{server.url}/a.png",
        "key": f"{server.url}/a.png",
        "item_key": "a",
        "path": "a.png",
        "ending": "saved",
        "status": 200,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "type": "image/png",
        "etag": '"e"',
        "last_modified": headers["Last-Modified"],
        "attempts": 1,
        "found_on": f"{server.url}/",
    }
