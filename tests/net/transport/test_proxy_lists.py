"""A list of proxies: each host keeps one, what fails is told, and nothing of one goes to another."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from scraper.errors import ProxyError
from scraper.server import Server

REFUSAL = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 2\r\n\r\nno'


def listed(*proxies: Any, **more: Any) -> dict[str, Any]:
    """The settings of a list of ports and URLs."""
    urls = [f"http://127.0.0.1:{one}" if isinstance(one, int) else one for one in proxies]
    return {"proxies": urls, **more}


def targets(proxy: Any) -> list[str]:
    return [head.split(" ")[1] for head in proxy.heads]


def users(proxy: Any) -> list[str]:
    found = [re.search("(?mi)^Proxy-Authorization: Basic (.*)\r$", head) for head in proxy.heads]
    return [base64.b64decode(one[1]).decode() if one else "" for one in found]


def told(one: Any) -> tuple[str, int, bool]:
    """The ending, and what its error says of other proxies."""
    assert isinstance(one.trouble, ProxyError), one.trouble
    return one.ending, one.trouble.others, one.trouble.ready


def test_hosts_are_spread_and_each_keeps_its_proxy(carry: Any, server: Server, proxy_of: Any) -> None:
    proxies = [proxy_of(), proxy_of()]
    hosts = [f"http://{name}:{server.port}" for name in ("127.0.0.1", "localhost", "127.0.0.1", "localhost")]
    asked = [f"{host}/{at}" for at, host in enumerate(hosts)]
    done = carry(*asked, http=listed(*(each.port for each in proxies)))
    assert [one.body for one in done] == [b"0", b"1", b"2", b"3"]
    assert [targets(each) for each in proxies] == [asked[::2], asked[1::2]]
    assert [(one.answer.is_proxied, one.answer.address) for one in done] == [(True, None)] * 4


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_a_dead_proxy_did_not_do_the_next_one_does(
    scheme: str, carry: Any, server: Server, tls: Any, proxy_of: Any, unused_port: int
) -> None:
    proxy, home = proxy_of(), tls()
    url = {"http": server.url, "https": home.url}[scheme]
    first, again, more = carry(*[f"{url}/x"] * 3, http=listed(unused_port, proxy.port, verify=home.ca))
    assert told(first) == ("failed:proxy", 1, True)
    assert [again.ending, more.ending, len(proxy.heads)] == ["whole", "whole", 2]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_our_password_is_left_alone(
    scheme: str, carry: Any, server: Server, tls: Any, proxy_of: Any
) -> None:
    refusing, proxy, home = proxy_of(REFUSAL), proxy_of(), tls()
    url = {"http": server.url, "https": home.url}[scheme]
    proxies = (f"http://me:wrong@127.0.0.1:{refusing.port}", proxy.port)
    first, *others = carry(*[f"{url}/x"] * 3, http=listed(*proxies, verify=home.ca))
    assert told(first) == ("failed:proxy", 1, True)
    assert [one.ending for one in others] == ["whole"] * 2
    assert (users(refusing), users(proxy)) == (["me:wrong"], ["", ""])


def test_where_all_are_dead_each_is_asked_in_its_turn(carry: Any, server: Server, proxy_of: Any) -> None:
    proxies = [proxy_of(REFUSAL), proxy_of(REFUSAL)]
    done = carry(*[f"{server.url}/x"] * 4, http=listed(*(each.port for each in proxies)))
    assert [told(one) for one in done] == [("failed:proxy", 1, True), *[("failed:proxy", 1, False)] * 3]
    assert [len(each.heads) for each in proxies] == [2, 2]


def test_a_refused_tunnel_costs_other_hosts_nothing(
    carry: Any, server: Server, proxy_of: Any, monkeypatch: Any
) -> None:
    proxy, other = proxy_of(), proxy_of()
    monkeypatch.setattr(proxy, "_tunnel", lambda client, target: client.sendall(b"HTTP/1.1 503 No\r\n\r\n"))
    monkeypatch.setattr(other, "_tunnel", proxy._tunnel)
    asked = [f"{server.url}/a", "https://dead.example/", "https://dead.example/", f"{server.url}/b"]
    done = carry(*asked, http=listed(proxy.port, other.port))
    assert [one.ending for one in done] == ["whole", "failed:proxy", "failed:proxy", "whole"]
    assert targets(proxy) == [asked[0], "dead.example:443", asked[3]]


@pytest.mark.parametrize("keep", [False, True])
def test_connections_of_two_users_of_one_proxy_are_not_mixed(
    keep: bool, carry: Any, order: Any, tls: Any, proxy_of: Any
) -> None:
    """They lead to the same server by the same address, but are not the same way out."""
    proxy, home = proxy_of(), tls(keep=keep)
    urls = [f"http://{user}:pw@127.0.0.1:{proxy.port}" for user in ("one", "two")]

    def lose() -> None:
        proxies = carry.outgoing.proxies
        proxies.failed(proxies.way(home.url), ProxyError(home.url, "it failed"))

    done = carry(order(f"{home.url}/a", at_done=lose), *[f"{home.url}/b"] * 2, http=listed(*urls, verify=home.ca))
    assert [one.ending for one in done] == ["whole"] * 3
    assert users(proxy) == (["one:pw", "two:pw"] if keep else ["one:pw", "two:pw", "two:pw"])
