"""Logins, forms and cookies in a job file: what is wrong with them is told with its place."""

# ruff: noqa: E501 - a mistake stands on one line here, as it is told

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError
from scraper.job.load import load

HEAD = 'name: a\nstart: ["http://127.0.0.1/"]\nrules: {r: {item: {t: h1}}}\n'
TOKEN = '  - {token: "http://127.0.0.1/t", '
WRONG = {
    "a form without a page": (
        HEAD + "login:\n  - {form: '#f'}\n",
        ["5:12: login.0.form: there is no page before it; begin with a step as {get: URL}"],
    ),
    "a form behind a token": (
        HEAD + 'login:\n  - {token: "http://127.0.0.1/t"}\n  - {form: "#f"}\n',
        ["6:12: login.1.form: there is no page before it; begin with a step as {get: URL}"],
    ),
    "what does not go with a form": (
        HEAD + 'login:\n  - {get: "http://127.0.0.1/"}\n  - {form: "#f", params: {a: 1}, data: "a=1"}\n',
        [
            "6:18: login.1.params: params does not go with form; beside it stand data, headers, cookies, auth, save, expect",
            "6:40: login.1.data: form takes its data as a mapping, field by field",
        ],
    ),
    "a form by a template": (
        HEAD + 'login:\n  - {get: "http://127.0.0.1/"}\n  - {form: "{{ env(\'X\') }}"}\n',
        ["6:12: login.1.form: a form is found by CSS, and a template finds no element"],
    ),
    "what does not go with a token": (
        HEAD + f"login:\n{TOKEN}json: {{a: 1}}, expect: {{status: 200}}, data: x}}\n",
        [
            "5:35: login.0.json: json does not go with token; beside it stand data, params, headers, cookies, auth",
            "5:49: login.0.expect: expect does not go with token; beside it stand data, params, headers, cookies, auth",
            "5:78: login.0.data: token takes its data as a mapping, field by field",
        ],
    ),
    "two tokens": (
        HEAD + 'login:\n  - {token: "http://127.0.0.1/t"}\n  - {token: "http://127.0.0.1/u"}\n',
        ["6:13: login.1.token: a login has one token, and a step before this one fetches it"],
    ),
    "a token's name taken": (
        HEAD + 'login:\n  - {get: "http://127.0.0.1/", save: {token: h1}}\n  - {token: "http://127.0.0.1/u"}\n',
        ["5:39: login.0.save.token: the token step saves under this name; take another one"],
    ),
    "a token that is no URL": (
        HEAD + "login:\n  - {token: oauth/token}\n",
        ['5:13: login.0.token: "oauth/token" is not an http or https URL'],
    ),
    "two kinds of step": (
        HEAD + 'login:\n  - {token: "http://127.0.0.1/t", get: "http://127.0.0.1/"}\n',
        [
            "5:5: login.0: a login step is one of get, post, put, patch, delete, head, options, token (with a URL) or form"
        ],
    ),
    "forms in json": (
        'name: a\nstart: ["http://127.0.0.1/"]\nrules:\n  r:\n    read: json\n    follow: {r: {form: "#f"}}\n    next: {form: "#f"}\n',
        [
            "6:24: rules.r.follow.r.form: a form stands in html, and this rule reads json",
            "7:18: rules.r.next.form: a form stands in html, and this rule reads json",
        ],
    ),
    "a form in data": (
        'name: a\nstart: ["http://127.0.0.1/"]\nrules:\n  r:\n    each: {css: script, jmespath: "a[*]"}\n    follow: {r: {form: "#f"}}\n',
        ["6:24: rules.r.follow.r.form: the matches of `each` are JSON, in which no form stands"],
    ),
    "an item in the next form": (
        'name: a\nstart: ["http://127.0.0.1/"]\nrules:\n  r:\n    item: {t: h1}\n    next: {form: "#f", data: {a: "{{ item.t }}"}}\n',
        ['6:34: rules.r.next.data.a: "item" is not known here; the rule gives no item'],
    ),
    "no browser": (
        HEAD + "http: {cookies_from_browser: netscape}\n",
        [
            '4:30: http.cookies_from_browser: "netscape" is no browser that is known; there are brave, chrome, chromium, edge, firefox, opera, safari, vivaldi, whale'
        ],
    ),
    "no file": (
        HEAD + "http: {save_cookies: jars/}\n",
        ['4:22: http.save_cookies: "jars/" is no name of a file; write one such as cookies.txt'],
    ),
    "no text": (
        HEAD + "http: {save_cookies: true, cookies_from_browser: [firefox]}\n",
        [
            "4:22: http.save_cookies: expected text, found true; put quotes around it",
            "4:50: http.cookies_from_browser: expected text, found a list; a text that begins with [ needs quotes",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(case: str, tmp_path: Path, monkeypatch: Any) -> None:
    text, expected = WRONG[case]
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(JobError) as told:
        load("job.yaml")
    assert str(told.value).replace("job.yaml:", "").splitlines() == expected


RIGHT = """
name: a
http: {cookies: jar.txt, save_cookies: jar.txt, cookies_from_browser: "chrome:Profile 1"}
login:
  - {token: "http://127.0.0.1/t", auth: {basic: [id, "x"]}, data: {scope: read}}
  - {get: "http://127.0.0.1/{{ saved.token }}", save: {csrf: "input::attr(value)"}}
  - {form: "form#login", data: {user: me, gone: null, csrf: "{{ saved.csrf }}"}, expect: {has: "a.logout"}}
start: ["http://127.0.0.1/"]
rules:
  r:
    follow: {r: {form: "#f", data: {a: [1, 2]}, when: "p"}}
    next: {form: "#g", data: {a: "{{ page.n }}"}, cursor: {c: "a::attr(href)"}, max_pages: 3}
"""


def test_forms_tokens_and_cookies_load(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    job = load(path).job
    assert [step.verb for step in job.login] == ["token", "get", "form"]
    assert (job.http.save_cookies, job.http.cookies_from_browser) == ("jar.txt", "chrome:Profile 1")
