"""URLs arrive byte for byte as `urls.sendable` says, whoever sends them (RFC 3986; RFC 9112 section 3.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import urls
from scraper.net.outgoing import Wire
from scraper.server import Server, Site

TARGETS = {
    "/a%2fb%2Fc": "/a%2fb%2Fc",
    "/%e2%82%ac?x=%e2%82%ac": "/%e2%82%ac?x=%e2%82%ac",
    "/%41%7E": "/%41%7E",
    "/a/../b": "/b",
    "/a/./b": "/a/b",
    "/a/%2e%2E/b/%2e": "/b/",
    "/../../x": "/x",
    "/a/b/..": "/a/",
    "/a/..;/b": "/a/..;/b",
    "/...": "/...",
    "/.well-known/x": "/.well-known/x",
    "//a//b": "//a//b",
    "?q": "/?q",
    "": "/",
    "/?": "/?",
    "/a?x=/../b": "/a?x=/../b",
    "/a?b?c": "/a?b?c",
    "/a#f": "/a",
    "/a?#f?x": "/a?",
    "/a;b=c,d:e@f!$&'()*+=": "/a;b=c,d:e@f!$&'()*+=",
    "/a[b]": "/a[b]",
    '/a|b{c}^`"<>\\': "/a%7Cb%7Bc%7D%5E%60%22%3C%3E%5C",
    "/a b?c d": "/a%20b?c%20d",
    "/ä?ö": "/%C3%A4?%C3%B6",
    "/100%": "/100%25",
    "/%zz": "/%25zz",
    "/%00": "/%00",
    "/a?x=1+2": "/a?x=1+2",
    "/~x_-.": "/~x_-.",
    "/" + "x" * 4000: "/" + "x" * 4000,
}


@pytest.mark.parametrize("given", sorted(TARGETS.keys() - {"/%00"}))  # the bundled server refuses it; a proxy shows it
def test_a_target_arrives_as_it_is_written(given: str, carry: Any, server: Server) -> None:
    """What is encoded stays as it was; what may not stand in a URL is encoded; dots are resolved."""
    server.site.route("/")(lambda request: b"")
    carry(f"{server.url}{given}")
    assert [seen.target for seen in server.log] == [TARGETS[given]]


@pytest.mark.parametrize("given", TARGETS)
def test_through_a_proxy_it_arrives_the_same(given: str, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of()
    (one,) = carry(f"http://host.example{given}", http={"proxies": {"http": f"http://127.0.0.1:{proxy.port}"}})
    assert one.ending == "whole", one.trouble
    assert proxy.heads[0].split("\r\n")[0] == f"GET http://host.example{TARGETS[given]} HTTP/1.1"


HOSTS = {
    "http://host.example/": "host.example",
    "http://HOST.Example/": "host.example",
    "http://host.example:80/": "host.example",
    "http://host.example:/": "host.example",
    "http://host.example:0080/": "host.example",
    "http://user:pw@host.example/": "host.example",
    "http://bücher.example/": "xn--bcher-kva.example",
    "http://XN--BCHER-KVA.example/": "xn--bcher-kva.example",
    "http://a_b.example/": "a_b.example",
    "http://host.example./": "host.example.",
    "http://[2001:DB8:0:0::1]/": "[2001:db8::1]",
    "http://127.1/": "127.0.0.1",
    "http://0x7f.0.0.1/": "127.0.0.1",
    "http://0177.0.0.01/": "127.0.0.1",
    "http://2130706433/": "127.0.0.1",
}


@pytest.mark.parametrize("given", HOSTS)
def test_a_host_is_named_in_one_way(given: str, carry: Any, proxy_of: Any) -> None:
    proxy = proxy_of(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    (one,) = carry(given, http={"proxies": {"http": f"http://127.0.0.1:{proxy.port}"}})
    assert one.ending == "whole", one.trouble
    first, *rest = proxy.heads[0].split("\r\n")
    assert first == f"GET http://{HOSTS[given]}/ HTTP/1.1"
    assert [line for line in rest if line.lower().startswith("host:")] == [f"Host: {HOSTS[given]}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.9"])
def test_any_address_of_a_server(host: str, carry: Any, headers_of: Any) -> None:
    with Server(Site(), host=host) as server:
        server.site.route("/x")(lambda request: b"x")
        (one,) = carry(f"{server.url}/x")
        assert (one.body, one.answer.address) == (b"x", host)
        assert headers_of(server.log[0])["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http:///x",
        "http://",
        "x",
        "",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "http://%zz/",
        "http://%6cocalhost/",
        "http://ho st/",
        "http://a\\b/",
        "http://h\u2100st.example/",
    ],
)
def test_what_is_no_url_of_ours_is_not_sent(url: str, carry: Any) -> None:
    (one,) = carry(Wire("GET", url))
    assert one.may_repeat == ("failed:protocol", False, True)


# -- the function itself -----------------------------------------------------------------------------------

LABELS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
PATHS = st.text(alphabet="abcXYZ019/.%?#&=;:@!$'()*+,[]{}|\\ ~_-äß\u20ac2eEF", max_size=40)


@given(LABELS, PATHS)
def test_what_is_sendable_stays_as_it_is(host: str, rest: str) -> None:
    url = urls.sendable(f"http://{host}.example/{rest}")
    assert url.isascii()
    assert urls.sendable(url) == url
    assert urls.canonical(url) == urls.canonical(f"http://{host}.example/{rest}")
    path = url.partition("?")[0].split("/", 3)[3]
    assert not {"..", "."} & {segment.lower().replace("%2e", ".") for segment in path.split("/")}


@given(st.text(max_size=60))
def test_anything_else_is_refused(text: str) -> None:
    try:
        found = urls.sendable(text)
    except ValueError:
        return
    assert urls.is_http(found)


@pytest.mark.parametrize("address", ["127.1", "0x7f000001", "2130706433", "0177.1", "10.1", "0xa.0.0.1"])
def test_an_odd_form_of_a_private_address_is_private(address: str) -> None:
    assert urls.is_private(address)


@pytest.mark.parametrize("name", ["8.8.8", "134744072", "1.2.3.4.5", "09.1", "256.1", "0x", "1.2.3.256", "x.1", "1..2"])
def test_other_numbers_are_not(name: str) -> None:
    assert not urls.is_private(name) or name == "0x"
