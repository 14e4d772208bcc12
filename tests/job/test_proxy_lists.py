"""`http.proxies` as a list: what is no proxy is told where it stands, before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scraper.errors import JobError
from scraper.job.load import load
from scraper.run import kit

HEAD = 'name: a\nstart: ["http://127.0.0.1/"]\nrules: {r: {item: {t: h1}}}\n'
CURE = "write one such as http://proxy.example:3128"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.chdir(tmp_path)

    def write_it(proxies: str) -> str:
        Path("job.yaml").write_text(f"{HEAD}http: {{proxies: {proxies}}}\n")
        return "job.yaml"

    return write_it


def mistakes(file: str) -> list[str]:
    with pytest.raises(JobError) as caught:
        load(file)
    return str(caught.value).splitlines()


def test_a_list_takes_what_a_mapping_takes(write: Callable[[str], str]) -> None:
    urls = ["http://u:p%40@10.0.0.1:3128", "HTTPS://[::1]:3128", "socks5h://u@x:1080", "proxy.example:3128"]
    assert load(write(str(urls))).job.http.proxies == tuple(urls)


def test_each_wrong_entry_is_told_at_its_place(write: Callable[[str], str]) -> None:
    file = write('["http://x:1", "ftp://x", "direct", "http://x:99999", "", "http://", 3128, null]')
    assert mistakes(file) == [
        'job.yaml:4:32: http.proxies.1: no proxy of kind "ftp"; '
        "there are http, https, socks4, socks4a, socks5, socks5h",
        'job.yaml:4:43: http.proxies.2: "direct" is no proxy: what has proxies goes through one of them; ' + CURE,
        f"job.yaml:4:53: http.proxies.3: its port or address is none; {CURE}",
        f"job.yaml:4:71: http.proxies.4: a proxy's URL without a host; {CURE}",
        f"job.yaml:4:75: http.proxies.5: a proxy's URL without a host; {CURE}",
        "job.yaml:4:86: http.proxies.6: expected text, found number 3128; put quotes around it",
        "job.yaml:4:92: http.proxies.7: expected text, found nothing",
    ]


def test_a_list_of_nothing_is_told(write: Callable[[str], str]) -> None:
    assert mistakes(write("[]")) == [
        "job.yaml:4:17: http.proxies: a list without proxies; name one, or leave `proxies` out"
    ]


def test_in_a_mapping_an_empty_text_and_no_proxy_are_no_urls(write: Callable[[str], str]) -> None:
    assert load(write('{http: "", no_proxy: "a, b", https: "x:1"}')).job.http.proxies is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://u:{{ env('P') | urlencode }}@x:1",
        "http://x:{{ env('P') }}",
        "{{ env('P') }}",
        "{{ env('P') }}://x",
        "http://{{ env('P') }}:1",
    ],
)
def test_an_entry_may_hold_secrets_anywhere(url: str, write: Callable[[str], str]) -> None:
    assert load(write(f'["{url}"]')).job.http.proxies is not None


def test_a_secret_that_makes_no_proxy_is_told_when_it_is_known(
    write: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P", "ftp://me:s3cret@x:1")
    loaded = load(write("""["http://x:1", "{{ env('P') }}"]"""))
    with pytest.raises(JobError, match=r"^job.yaml:4:32: http.proxies.1: no proxy of kind \"ftp\"; [^@]*$"):
        kit.settle(loaded)
