"""`notify:`: the end of a run is told to a webhook, or through Apprise."""

from __future__ import annotations

import json
import os
import sys
import threading
import types

import pytest

from scraper.errors import JobError
from scraper.run import notify, services
from scraper.server import Response


@pytest.fixture
def hook(site, serve, run_job, monkeypatch):
    """`hook.run(**job)` runs a job of one item that notifies `hook.url`; `hook.got`: what came, by `hook.answers`."""
    monkeypatch.setattr(notify, "WAITS", (0.0, 0.0))
    found = types.SimpleNamespace(got=[], answers=[])
    site.route("/")(lambda request: "<h1>t</h1>")

    @site.route("/hook/<secret>", methods=["POST", "GET"])
    def answer(request, secret):
        found.got.append((request.method, secret, dict(request.headers), request.body))
        status = found.answers.pop(0) if found.answers else 204
        return Response(status, {"Location": "/elsewhere"} if status == 302 else {}, b"")

    server = serve(site)
    found.url = f"{server.url}/hook/T0KEN"
    found.server = server

    def run_it(**job):
        given = {"start": ["{{ base }}/"], "rules": {"r": {"item": {"t": "h1"}}}, "notify": found.url, **job}
        return run_job(server, given)

    found.run = run_it
    return found


def told(ran, level="warning"):
    return [line["message"] for line in ran.log if line["level"] == level and "notify" in line["message"]]


def test_a_webhook_gets_the_summary_and_a_sentence_for_chats(hook, tmp_path):
    ran = hook.run()
    ((method, _, headers, body),) = hook.got
    got = json.loads(body)
    assert (method, headers["Content-Type"]) == ("POST", "application/json")
    assert got["text"] == got["content"]
    assert got["text"].startswith("job: 1 page, 1 item (1 new) in ")
    assert (got["run"], got["items"]["new"], got["exit_code"]) == (ran.summary.run, 1, 0)
    assert (got["host"], got["dest"], got["failures"]) == (os.uname().nodename, str(tmp_path / "out"), [])


def test_nothing_of_the_job_goes_along(hook):
    hook.run(http={"headers": {"X-Key": "k"}, "cookies": {"a": "b"}, "auth": {"basic": ["u", "p"]}})
    headers = {name.lower() for name in hook.got[0][2]}
    assert headers & {"x-key", "cookie", "authorization"} == set()


def test_who_does_not_take_it_is_asked_twice_again(hook):
    hook.answers = [503, 429]
    ran = hook.run()
    assert (len(hook.got), told(ran)) == (3, [])


@pytest.mark.parametrize(
    ("answers", "asked", "says"),
    [([500, 500, 500], 3, "500 Internal Server Error"), ([404], 1, "404 Not Found"), ([302], 1, "302 Found")],
)
def test_a_webhook_that_fails_is_told_without_its_path_and_changes_nothing(hook, answers, asked, says):
    hook.answers = list(answers)
    ran = hook.run()
    assert (ran.code, len(hook.got)) == (0, asked)
    assert told(ran) == [f"notify[0] failed: {hook.server.url}: the server answered {says}"]


def test_one_that_nobody_listens_to_is_told_without_its_path(hook):
    ran = hook.run(notify="http://127.0.0.1:9/hook/T0KEN")
    (line,) = told(ran)
    assert ("T0KEN" in str(ran.log), line.startswith("notify[0] failed: http://127.0.0.1:9: ")) == (False, True)


def test_a_secret_in_the_url_is_sent_and_not_told(hook, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret-of-hook")
    hook.answers = [404]
    ran = hook.run(notify=f"{hook.server.url}/hook/{{{{ env('HOOK_SECRET') }}}}")
    assert (hook.got[0][1], "s3cret-of-hook" in json.dumps(ran.log)) == ("s3cret-of-hook", False)


def test_it_is_told_when_when_holds(hook):
    hook.run(notify={"url": hook.url, "when": "{{ summary.exit_code != 0 }}"})
    assert hook.got == []


def test_another_scheme_needs_apprise_and_that_is_told_before_the_run(hook, monkeypatch):
    monkeypatch.setattr(services, "find_spec", lambda name: None)
    with pytest.raises(
        JobError, match=r"notify.*tgram:// is told through Apprise.*pip install 'scraper-jobs\[notify\]'"
    ):
        hook.run(notify="tgram://token/chat")


@pytest.mark.parametrize(
    ("known", "taken", "says"), [(False, False, "does not know such a URL"), (True, False, "did not take it")]
)
def test_apprise_is_told_the_sentence(hook, monkeypatch, known, taken, says):
    heard = []

    class Apprise:
        def add(self, url):
            heard.append(url)
            return known

        def notify(self, body):
            heard.append(body)
            return taken

    monkeypatch.setattr(services, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "apprise", types.SimpleNamespace(Apprise=Apprise))
    ran = hook.run(notify="tgram://T0KEN/chat")
    (line,) = told(ran)
    assert (heard[0], says in line, "T0KEN" in json.dumps(ran.log)) == ("tgram://T0KEN/chat", True, False)
    assert [text[:12] for text in heard[1:]] == (["job: 1 page,"] if known else [])


def test_a_server_that_never_comes_to_its_end_holds_no_run(hook, monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(notify, "PATIENCE", 0.1)
    monkeypatch.setattr(notify, "_send", lambda *_: end.wait(60))
    ran = hook.run()
    end.set()
    assert (ran.code, told(ran)) == (0, ["notify[0] failed: it was not taken within 0.1 s"])
