"""HTTP/2, spoken with nginx over TLS: at most the version that the job says, else what both sides know (RFC 9113)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.net.curl import offer
from scraper.net.outgoing import Wire

pytestmark = [
    pytest.mark.parametrize("carry", ["curl"], indirect=True),
    pytest.mark.skipif(not offer.offers("2"), reason="this libcurl does not speak HTTP/2"),
]
BIG = random.Random(1).randbytes(3_000_000)


@dataclass(frozen=True)
class Nginx:
    """A server that speaks HTTP/2 over TLS: `/version` and `/connection` tell what they name, `/big` is a file.

    Attributes:
        ca: the file of the authority that its certificate is of.
    """

    url: str
    plain: str
    ca: str

    def http(self, version: str, **more: Any) -> dict[str, Any]:
        return {"version": version, "verify": self.ca, **more}


@pytest.fixture(scope="module")
def nginx(place: Any, certs: Path) -> Nginx:
    program, port, plain = place.program("nginx"), place.port(), place.port()
    for name in ("server.pem", "server.key"):
        place.write(name, (certs / name).read_bytes())
    place.write("big", BIG)
    temp = "\n".join(
        f"{kind}_temp_path {place.folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = f"""
daemon off; master_process off; pid {place.folder}/nginx.pid; error_log stderr notice;
events {{ worker_connections 256; }}
http {{
{temp}
access_log off;
server {{
  listen 127.0.0.1:{port} ssl http2;
  listen 127.0.0.1:{plain};
  ssl_certificate server.pem;
  ssl_certificate_key server.key;
  root {place.folder};
  location = /version {{ add_header Set-Cookie "seen=1"; return 200 "$server_protocol"; }}
  location = /connection {{ return 200 "$connection"; }}
  location = /key {{ return 200 "$http_x_api_key"; }}
  location = /cookie {{ return 200 "$http_cookie"; }}
  location = /hop {{ return 302 "/version"; }}
  location = /teapot {{ return 418 "no"; }}
}}
}}
"""
    command = [program, "-p", str(place.folder), "-e", "stderr", "-c", str(place.write("nginx.conf", conf))]
    place.start(command, "event method", port)
    return Nginx(f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain}", str(certs / "server.pem"))


@pytest.mark.parametrize(("version", "spoken"), [("1.1", b"HTTP/1.1"), ("2", b"HTTP/2.0")])
def test_the_version_that_the_job_says(version: str, spoken: bytes, carry: Any, nginx: Nginx) -> None:
    (one,) = carry(f"{nginx.url}/version", http=nginx.http(version))
    assert one.result == ("whole", 200, spoken)
    assert (one.answer.address, one.answer.is_proxied) == ("127.0.0.1", False)


def test_without_tls_it_is_1_1(carry: Any, nginx: Nginx) -> None:
    assert carry(f"{nginx.plain}/version", http=nginx.http("2"))[0].result == ("whole", 200, b"HTTP/1.1")


def test_a_server_that_knows_no_other(carry: Any, nginx: Nginx, tls: Any) -> None:
    home = tls()
    (one,) = carry(f"{home.url}/x", http={"version": "2", "verify": home.ca})
    assert one.result == ("whole", 200, b"hello")
    assert home.heads[0].startswith("GET /x HTTP/1.1\r\n")


@pytest.mark.skipif(not offer.offers("3"), reason="this libcurl does not speak HTTP/3")
def test_where_nobody_answers_http_3_it_is_the_next(carry: Any, nginx: Nginx) -> None:
    assert carry(f"{nginx.url}/version", http=nginx.http("3"))[0].result == ("whole", 200, b"HTTP/2.0")


def test_many_share_a_connection(carry: Any, nginx: Nginx) -> None:
    told = carry(*[f"{nginx.url}/connection"] * 50, http=nginx.http("2"), jobs=10)
    assert {one.ending for one in told} == {"whole"}
    assert len({one.body for one in told}) == 1


def test_large_bodies_at_once(carry: Any, nginx: Nginx) -> None:
    told = carry(*[f"{nginx.url}/big"] * 6, http=nginx.http("2"), jobs=6)
    assert [(one.ending, one.status, one.body == BIG) for one in told] == [("whole", 200, True)] * 6


def test_a_range(carry: Any, nginx: Nginx) -> None:
    asked = Wire("GET", f"{nginx.url}/big", added={"Range": "bytes=100-199"}, encodings="identity")
    (one,) = carry(asked, http=nginx.http("2"))
    assert one.result == ("whole", 206, BIG[100:200])
    assert one.answer.headers["content-range"] == f"bytes 100-199/{len(BIG)}"


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [("HEAD", "/big", (200, b"")), ("GET", "/teapot", (418, b"no")), ("GET", "/hop", (302, None))],
)
def test_other_answers(method: str, path: str, told: tuple[int, bytes | None], carry: Any, nginx: Nginx) -> None:
    """A redirect is an answer, as everywhere."""
    (one,) = carry(Wire(method, f"{nginx.url}{path}"), http=nginx.http("2"))
    assert (one.ending, one.status) == ("whole", told[0])
    assert told[1] is None or one.body == told[1]


def test_what_the_job_says_goes_home(carry: Any, nginx: Nginx) -> None:
    away = nginx.url.replace("127.0.0.1", "localhost")
    http = nginx.http("2", headers={"X-Api-Key": "k"})
    told = carry(f"{nginx.url}/key", f"{away}/key", http=http, home=[nginx.url])
    assert [one.body for one in told] == [b"k", b""]


def test_cookies_go_both_ways(carry: Any, nginx: Nginx) -> None:
    told = carry(f"{nginx.url}/version", f"{nginx.url}/cookie", http=nginx.http("2"))
    assert [one.body for one in told] == [b"HTTP/2.0", b"seen=1"]


def test_a_certificate_that_does_not_hold(carry: Any, nginx: Nginx) -> None:
    (one,) = carry(f"{nginx.url}/version", http={"version": "2"})
    assert one.may_repeat == ("failed:tls", False, False)


def test_a_body_that_nobody_wants(carry: Any, nginx: Nginx, order: Any) -> None:
    """What shares its connection goes on."""
    told = carry(order(f"{nginx.url}/big", wanted=False), f"{nginx.url}/big", http=nginx.http("2"), jobs=2)
    assert [(one.ending, one.body == BIG) for one in told] == [("whole", False), ("whole", True)]


def test_a_guarded_exchange_is_held_to_public_addresses(carry: Any, nginx: Nginx) -> None:
    (one,) = carry(Wire("GET", f"{nginx.url}/version", guarded=True), http=nginx.http("2"))
    assert one.ending == "skipped:private"
