"""Through proxies that others wrote: squid with basic authentication, and dante (RFC 1928, RFC 1929).

Where they are not installed the tests are skipped. dante asks the system's table of users: it gets one of ours in a
mount namespace of its own, where the kernel lets us make one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from scraper.server import Response, Server, Site

USER, PASSWORD = "us.er", "p@ss/wörd & more"
TRANSPORTS = ["curl", "requests"]
SCHEMES = ["http", "https"]
NEVER_SENT = ("failed:proxy", False, False)
HELPERS = ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid", "/usr/local/libexec/squid")


@dataclass(frozen=True)
class Daemon:
    """A proxy under way. `port` of 127.0.0.1 is where it listens."""

    port: int

    def http(self, kind: str = "http", user: str = USER, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
        """The settings of a job that goes through it; nobody where `user` is empty."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        url = f"{kind}://{who}127.0.0.1:{self.port}"
        return {"proxies": {"http": url, "https": url}, **more}


def hashed(place: Any, kind: str) -> str:
    command = [place.program("openssl"), "passwd", kind, "-stdin"]
    return subprocess.run(command, input=PASSWORD.encode(), capture_output=True, check=True).stdout.decode().strip()


# -- squid -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def squid(place: Any) -> Daemon:
    """squid, which lets nobody pass but our user."""
    program, port = place.program("squid"), place.port()
    helper = next((path for path in HELPERS if os.path.exists(f"{path}/basic_ncsa_auth")), None)
    if helper is None:
        pytest.skip("squid's basic_ncsa_auth is not installed")
    passwords = place.write("passwords", f"{USER}:{hashed(place, '-apr1')}\n")
    conf = f"""
http_port 127.0.0.1:{port}
auth_param basic program {helper}/basic_ncsa_auth {passwords}
auth_param basic children 1 startup=1 idle=1
auth_param basic realm tests
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
cache_mem 0
memory_pools off
client_db off
dns_nameservers 127.0.0.1
pinger_enable off
netdb_filename none
pid_filename none
access_log none
cache_log /dev/stderr
coredump_dir {place.folder}
visible_hostname tests
shutdown_lifetime 0 seconds
connect_retries 0
"""
    command = [program, "-n", f"tests{port}", "-N", "-d", "1", "-f", str(place.write("squid.conf", conf))]
    place.start(command, "Accepting HTTP Socket", port)
    return Daemon(port)


def test_http_through_squid(carry: Any, server: Server, squid: Daemon, headers_of: Any) -> None:
    (one,) = carry(f"{server.url}/x", http=squid.http())
    assert one.result == ("whole", 200, b"x"), one.trouble
    assert (one.answer.is_proxied, one.answer.address) == (True, None)
    told = headers_of(server.log[0])
    assert "squid" in told["via"]
    assert not {"proxy-authorization", "authorization"} & told.keys()


def test_https_through_a_tunnel_of_squid(carry: Any, tls: Any, squid: Daemon) -> None:
    home = tls()
    (one,) = carry(f"{home.url}/x", http=squid.http(verify=home.ca))
    assert one.result == ("whole", 200, b"hello")
    assert (one.answer.is_proxied, one.answer.address) == (True, None)
    assert "proxy" not in home.heads[0].lower()


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), ("", "")])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_squid_lets_nobody_else_pass(
    user: str, password: str, scheme: str, carry: Any, server: Server, tls: Any, squid: Daemon
) -> None:
    home = tls()
    url = {"http": server.url, "https": home.url}[scheme]
    (one,) = carry(f"{url}/x", http=squid.http("http", user, password, verify=home.ca))
    assert (one.may_repeat, one.answer) == (NEVER_SENT, None)
    assert (server.log, home.connections) == ([], 0)


def test_squid_finds_nobody_behind_it(carry: Any, unused_port: int, squid: Daemon) -> None:
    """For http it answers in the server's place; a tunnel does not come to be."""
    plain, tunnelled = carry(*(f"{scheme}://127.0.0.1:{unused_port}/x" for scheme in SCHEMES), http=squid.http())
    assert (plain.ending, plain.status) == ("whole", 503)
    assert tunnelled.may_repeat == NEVER_SENT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_many_at_once_through_squid(scheme: str, carry: Any, server: Server, tls: Any, squid: Daemon) -> None:
    home = tls(keep=True)
    url = {"http": server.url, "https": home.url}[scheme]
    told = carry(*(f"{url}/{at}" for at in range(40)), http=squid.http(verify=home.ca), jobs=6)
    expected = [str(at).encode() if scheme == "http" else b"hello" for at in range(40)]
    assert [one.result for one in told] == [("whole", 200, body) for body in expected]


# -- dante -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dante(place: Any) -> Callable[[str], Daemon]:
    """Starts dante, once for each way to ask who somebody is: none or username."""
    program = place.program("danted")
    running: dict[str, Daemon] = {}

    def start(method: str) -> Daemon:
        if method not in running:
            port = place.port()
            conf = place.write(f"{method}.conf", _dante_conf(method, port))
            command = [program, "-f", str(conf), "-p", f"{place.folder}/{method}.pid"]
            place.start([*(_among_users(place) if method == "username" else []), *command], "running", port)
            running[method] = Daemon(port)
        return running[method]

    return start


def _dante_conf(method: str, port: int) -> str:
    alone = "user.privileged: root\nuser.unprivileged: root" if method == "username" else ""
    return f"""
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
{alone}
client pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 }}
socks pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 }}
"""


def _among_users(place: Any) -> list[str]:
    """What runs a command in a namespace where the system's users are root and ours."""
    users = place.write("users", f"root:x:0:0::/:/bin/false\n{USER}:x:1000:1000::/:/bin/false\n")
    shadow = place.write("shadow", f"{USER}:{hashed(place, '-6')}:19000:0:99999:7:::\n")
    mounts = f'mount --bind {users} /etc/passwd && mount --bind {shadow} /etc/shadow && exec "$@"'
    enter = [place.program("unshare"), "--user", "--map-root-user", "--mount", "/bin/sh", "-c", mounts, "sh"]
    try:
        place.start([*enter, "/bin/sh", "-c", "echo entered >&2"], "entered")
    except AssertionError as error:
        pytest.skip(f"no namespace for danted's users: {error}".strip())
    return enter


KINDS = ["socks5", "socks5h"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["none", "username"])
def test_http_through_dante(
    kind: str, method: str, carry: Any, server: Server, dante: Callable[[str], Daemon], headers_of: Any
) -> None:
    user = USER if method == "username" else ""
    (one,) = carry(f"{server.url}/x", http=dante(method).http(kind, user))
    assert one.result == ("whole", 200, b"x")
    assert (one.answer.is_proxied, one.answer.address) == (True, None)
    assert not {"proxy-authorization", "authorization"} & headers_of(server.log[0]).keys()


def test_dante_looks_names_up_for_socks5h(carry: Any, server: Server, dante: Callable[[str], Daemon]) -> None:
    (one,) = carry(f"http://localhost:{server.port}/x", http=dante("none").http("socks5h", ""))
    assert one.result == ("whole", 200, b"x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["none", "username"])
def test_https_through_dante(kind: str, method: str, carry: Any, tls: Any, dante: Callable[[str], Daemon]) -> None:
    home = tls()
    http = dante(method).http(kind, USER if method == "username" else "", verify=home.ca)
    (one,) = carry(f"{home.url}/x", http=http)
    assert one.result == ("whole", 200, b"hello")


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), ("", "")])
@pytest.mark.parametrize("kind", KINDS)
def test_dante_lets_nobody_else_pass(
    kind: str, user: str, password: str, carry: Any, server: Server, dante: Callable[[str], Daemon]
) -> None:
    (one,) = carry(f"{server.url}/x", http=dante("username").http(kind, user, password))
    assert (one.may_repeat, one.answer, server.log) == (NEVER_SENT, None, [])


def test_dante_finds_nobody_behind_it(carry: Any, unused_port: int, dante: Callable[[str], Daemon]) -> None:
    (one,) = carry(f"http://127.0.0.1:{unused_port}/x", http=dante("none").http("socks5h", ""))
    assert one.may_repeat == NEVER_SENT


def test_many_at_once_through_dante(carry: Any, server: Server, dante: Callable[[str], Daemon]) -> None:
    asked = [f"{server.url}/{at}" for at in range(40)]
    told = carry(*asked, http=dante("username").http("socks5h"), jobs=6)
    assert [one.result for one in told] == [("whole", 200, str(at).encode()) for at in range(40)]


# -- a whole run -------------------------------------------------------------------------------------------


@pytest.fixture
def gallery() -> Iterator[Server]:
    """A page that leads to twelve files."""
    site = Site()
    site.route("/robots.txt")(lambda request: Response(404))
    site.route("/")(lambda request: "".join(f'<a href="/file/{at}.bin">{at}</a>' for at in range(12)))
    site.route("/file/<name>")(lambda request, name: name.encode() * 5000)
    with Server(site) as server:
        yield server


@pytest.fixture(params=["squid", "dante"])
def proxied(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """The settings of a run through each proxy, the password a secret of the environment."""
    if request.param == "squid":
        port, kind = request.getfixturevalue("squid").port, "http"
    else:
        port, kind = request.getfixturevalue("dante")("username").port, "socks5h"
    return lambda: {"proxies": {"http": f"{kind}://{USER}:{{{{ env('PROXY_PW') | urlencode }}}}@127.0.0.1:{port}"}}


def job(server: Server, http: dict[str, Any], transport: str) -> dict[str, Any]:
    return {
        "http": http,
        "start": [f"{server.url}/"],
        "rules": {"page": {"files": "a"}},
        "files": {"transport": transport, "jobs": 4},
    }


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_run_through_a_proxy(transport: str, gallery: Server, proxied: Any, run_job: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PROXY_PW", PASSWORD)
    ran = run_job(job(gallery, proxied(), transport))
    assert (ran.summary.failures, ran.summary.exit_code) == ([], 0)
    found = {path.name: path.read_bytes() for path in ran.dest.glob("*.bin")}
    assert found == {f"{at}.bin": f"{at}.bin".encode() * 5000 for at in range(12)}
    assert PASSWORD.encode() not in ran.everything()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_run_with_a_wrong_password(
    transport: str, gallery: Server, proxied: Any, run_job: Any, monkeypatch: Any
) -> None:
    """A page and a file, so that both the session and the transport tell it; the password stands nowhere."""
    monkeypatch.setenv("PROXY_PW", "not the Pa55word")
    given = job(gallery, proxied(), transport)
    given["start"] = [f"{gallery.url}/", {"url": f"{gallery.url}/file/1.bin", "as": "files"}]
    ran = run_job(given)
    assert ran.endings() == {f"{gallery.url}/": "failed:proxy", f"{gallery.url}/file/1.bin": "failed:proxy"}
    assert (ran.summary.exit_code, gallery.log) == (4, [])
    for shown in ("not the Pa55word", quote("not the Pa55word")):
        assert shown.encode() not in ran.everything()
