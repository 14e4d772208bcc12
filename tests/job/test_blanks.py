"""What looks like a secret in settings is not shown, and everything else is."""

from __future__ import annotations

from typing import Any

import pytest

from scraper import secrets
from scraper.job.blanks import BLANK, blanked, without_password
from scraper.job.origins import blanked_pair

MARK = secrets.mark("env", "KEY")


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"http": {"auth": {"basic": ["me", "pw"]}}}, {"http": {"auth": {"basic": ["me", BLANK]}}}),
        ({"start": [{"auth": {"digest": ["me", "pw"]}}]}, {"start": [{"auth": {"digest": ["me", BLANK]}}]}),
        ({"http": {"auth": {"bearer": "abc"}}}, {"http": {"auth": {"bearer": BLANK}}}),
        ({"http": {"cookies": {"a": "b"}}}, {"http": {"cookies": {"a": BLANK}}}),
        ({"http": {"cookies": "jar.txt"}}, {"http": {"cookies": "jar.txt"}}),
        ({"start": [{"headers": {"X-Api-Key": "k"}}]}, {"start": [{"headers": {"X-Api-Key": BLANK}}]}),
        ({"login": [{"post": "http://h/", "data": {"pass": "a", "pwd": 5, "user": "u"}}]},
         {"login": [{"post": "http://h/", "data": {"pass": BLANK, "pwd": BLANK, "user": "u"}}]}),
        ({"vars": {"my_passphrase": "a", "signature": "b", "pages": 3}},
         {"vars": {"my_passphrase": BLANK, "signature": BLANK, "pages": 3}}),
        ({"start": ["http://h/?api_key=abc&x=1"]}, {"start": [f"http://h/?api_key={BLANK}&x=1"]}),
        ({"http": {"proxies": ["http://u:p@h:1"]}}, {"http": {"proxies": [f"http://{BLANK}@h:1"]}}),
        ({"notify": "https://hooks.h/T0/XXX"}, {"notify": f"https://hooks.h/{BLANK}"}),
        ({"notify": [{"url": "tgram://123:abc/9", "when": "{{ a/b }}"}]},
         {"notify": [{"url": f"tgram://{BLANK}", "when": "{{ a/b }}"}]}),
    ],
)  # fmt: skip
def test_a_secret_that_is_written_out_is_blanked(settings: Any, shown: Any) -> None:
    assert blanked(settings) == shown


@pytest.mark.parametrize(
    "settings",
    [
        {"http": {"headers": {"Authorization": "Bearer {{ env('KEY') }}", "X-Token": MARK}}},
        {"http": {"auth": {"netrc": True}, "proxies": f"http://u:{MARK}@h:1"}},
        {"notify": ["{{ env('HOOK') }}", MARK]},
        {"rules": {"r": {"item": {"token": "h1", "password": {"css": "b"}}}}},
        {"login": [{"get": "http://h/", "save": {"token": "input::attr(value)"}}, {"token": "http://h/oauth"}]},
        {"start": ["http://h/?page=1"], "files": {"jobs": 5, "path": "{{ item.cookie }}"}},
    ],
)
def test_what_only_names_a_secret_or_is_none_stands(settings: Any) -> None:
    assert blanked(settings) == settings


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ("http.headers.Authorization=Bearer abc", f"http.headers.Authorization={BLANK}"),
        ("http.auth={basic: [me, pw]}", f"http.auth={BLANK}"),
        ("http.timeout.read=5", "http.timeout.read=5"),
        ("files.accept={types: [image/*]}", "files.accept={types: [image/*]}"),
        ("name", "name"),
    ],
)
def test_of_a_setting_on_the_command_line_the_value_is_blanked(pair: str, shown: str) -> None:
    assert blanked_pair(pair) == shown


def test_a_password_in_a_url_is_left_out() -> None:
    assert without_password("https://me:secret@example.org/@x") == "https://***@example.org/@x"
