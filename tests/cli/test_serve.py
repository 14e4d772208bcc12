"""`scraper serve`: its options, each as a user gives it, and what it tells."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

WAIT = 20  # seconds that a request may take before a test fails


@pytest.fixture
def public(folder: Path) -> Path:
    """A folder with a file in it, and faults beside it."""
    (folder / "public").mkdir()
    (folder / "public" / "a.txt").write_text("hello")
    (folder / "faults.yaml").write_text('- {url: "*/a.txt", do: status, code: 429, retry_after: 0, times: 1}\n')
    return folder / "public"


def started(serving: Any) -> list[str]:
    """What it told on stdout, once it says that it serves."""
    serving.wait_for("Ctrl-C stops")
    lines = []
    while not lines or lines[-1].split(" ")[0] != "echo":
        lines.append(serving.popen.stdout.readline().rstrip("\n"))
    return lines


def test_everything_at_once(process: Any, scraper: Any, public: Path) -> None:
    """https with a certificate made on the spot, faults, a log, a proxy with a password, services."""
    serving = process(
        *("serve", "public", "--port", 0, "--tls", "--faults", "faults.yaml", "--log", "access.log"),
        *("--proxy-auth", "me:secret", "--service", "daytime", "--service", "echo:0"),
    )
    url, daytime, _ = started(serving)
    certificate = re.search(r"(?m)^certificate: (\S+) ", serving.err)
    assert certificate is not None

    told = scraper("get", f"{url}/a.txt", "-o", f"http.verify={certificate[1]}", "-o", "http.retry.first_wait=0")
    assert (told.code, (public.parent / "output" / "get" / "a.txt").read_text()) == (0, "hello")

    with pytest.raises(requests.exceptions.ProxyError, match="407"):
        requests.get(f"{url}/a.txt", proxies={"https": url}, verify=certificate[1], timeout=WAIT)

    name, tcp, udp = daytime.split(" ")
    place = tcp.removeprefix("tcp://")
    assert (name, udp) == ("daytime", f"udp://{place}")
    with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2])), timeout=WAIT) as sock:
        assert sock.makefile("rb").read().endswith(b"-UTC\r\n")

    serving.signal(signal.SIGTERM)
    assert serving.end().code == 143
    log = (public.parent / "access.log").read_text().replace(url.removeprefix("https://"), "HERE")
    assert re.findall(r'"([A-Z]+ .*?) HTTP/1.." (\d+) ', log) == [
        ("GET /a.txt", "429"), ("GET /a.txt", "200"), ("CONNECT HERE", "407"),
    ]  # fmt: skip
    assert not Path(certificate[1]).exists()


def test_an_own_certificate_every_address_and_a_log_on_stderr(process: Any, public: Path) -> None:
    from scraper.server.certificate import self_signed

    made = self_signed(public.parent)
    (public.parent / "both.pem").write_bytes(made.cert.read_bytes() + made.key.read_bytes())
    serving = process(
        *("serve", "public", "--port", 0, "--cert", "both.pem", "--ipv6", "--bind", "0.0.0.0"),
        *("--service", "echo", "--log"),
    )
    url, echo = started(serving)
    assert (url[:14], "tcp://[::1]:" in echo) == ("https://[::1]:", True)
    for host in ("[::1]", "127.0.0.1"):
        asked = requests.get(f"https://{host}:{url.rpartition(':')[2]}/a.txt", verify=str(made.cert), timeout=WAIT)
        assert asked.text == "hello"
    serving.signal(signal.SIGINT)
    told = serving.end()
    assert told.code == 0
    assert "warning: other machines reach this server, and read whatever it serves" in told.err
    assert re.findall(r'(?m)^(\S+) - - \[.*\] "GET /a.txt HTTP/1.1" 200 ', told.err) == ["::1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--bind", "127.0.0.1", "--ipv6"], "127.0.0.1 is an IPv4 address; leave out --ipv6"),
        (["--bind", "192.0.2.1"], "192.0.2.1 is no address of this machine"),
        (["--key", "k.pem"], "--key goes with --cert FILE"),
        (["--cert", "none.pem"], "the certificate none.pem or its key none.pem cannot be read: No such file"),
        (["--proxy-auth", "me"], "--proxy-auth: write USER:PASSWORD, with a colon between them"),
        (["--service", "time:37"], "there is no service 'time'; choose from daytime, echo, upper"),
        (["--log", "public"], "--log public: that is a folder; to serve it, name it before --log, or write --log=-"),
        (["--log", "none/access.log"], "--log none/access.log: No such file or directory"),
    ],
)
def test_what_cannot_be_is_wrong_usage(scraper: Any, public: Path, options: list[str], told: str) -> None:
    answer = scraper("serve", "--port", 0, *options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"scraper: {told}")


def test_mistakes_in_a_file_of_faults_are_told_by_line(scraper: Any, folder: Path) -> None:
    (folder / "f.yaml").write_text("- {do: reset}\n- {do: rest}\n")
    answer = scraper("serve", "--port", 0, "--faults", "f.yaml")
    assert (answer.code, answer.err) == (3, "f.yaml:2:8: 1.do: there is no fault 'rest'; did you mean 'reset'?\n")


def test_a_wsgi_application_beside_a_folder_over_https(process: Any, public: Path) -> None:
    (public.parent / "tiny_wsgi.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    names = ('wsgi.url_scheme', 'SCRIPT_NAME', 'PATH_INFO')\n"
        "    return [' '.join(environ[name] for name in names).encode()]\n"
    )
    serving = process("serve", "public", "--port", 0, "--tls", "--wsgi", "/api=tiny_wsgi:app", "--wsgi", "tiny_wsgi")
    serving.wait_for("serving public and /api=tiny_wsgi:app and tiny_wsgi on https://")
    url = serving.popen.stdout.readline().strip()
    certificate = re.search(r"(?m)^certificate: (\S+) ", serving.err)
    assert certificate is not None

    with requests.Session() as session:
        session.verify = certificate[1]
        told = [session.get(f"{url}{path}", timeout=WAIT).text for path in ("/a.txt", "/api/x%20y", "/b")]

    assert told == ["hello", "https /api /x y", "https  /b"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["nowhere_to_be_found:app"], "there is no module nowhere_to_be_found; install it into this environment"),
        (["/a=json:loads", "/a/=json:dumps"], "--wsgi /a/=json:dumps: there is an application at /a/ already"),
    ],
)
def test_an_application_that_cannot_be_mounted_is_wrong_usage(
    scraper: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # the working folder is put there
    answered = scraper("serve", "--port", "0", *[part for option in options for part in ("--wsgi", option)])

    assert answered.code == 2
    assert told in answered.err
