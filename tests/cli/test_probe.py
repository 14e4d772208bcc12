"""`scraper probe` as a command: exit codes, one screen of text, one JSON object, Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

import pytest

from scraper.server import Raw, Site


def test_what_answers_is_exit_0_on_one_screen(scraper: Any, site: Site, serve: Any) -> None:
    site.route("/x")(lambda request: b"hello")
    told = scraper("probe", f"{serve(site).url}/x")
    assert (told.code, told.err) == (0, "")
    assert len(told.lines) <= 24
    assert max(map(len, told.lines)) <= 80
    assert [line[:9].strip() for line in told.lines if line[:1].strip()] == [
        "probe", "proxy", "dns", "tcp", "http", "answer", "clock", "ranges", "resume", "robots", "ok",
    ]  # fmt: skip


def test_without_a_terminal_there_is_no_colour(scraper: Any, site: Site, serve: Any) -> None:
    assert "\x1b" not in scraper("probe", serve(site).url).out


def test_what_does_not_answer_is_exit_4_with_the_next_step_last_but_one(scraper: Any) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        told = scraper("probe", f"http://127.0.0.1:{sock.getsockname()[1]}/")
    assert told.code == 4
    headings = [line[:9].strip() for line in told.lines if line[:1].strip()]
    assert headings[-3:] == ["FAILED", "next", "asked"]


@pytest.mark.parametrize(
    "args",
    [
        ("example.org",),
        (),
        ("http://h/", "--send", "x"),
        ("http://h/", "--var", "a=1"),
        ("tcp://h:1", "--service", "x"),
        ("http://[::1",),
        ("http://h:99999/",),
        ("http://h/\x1b[31m",),
        ("tcp://h:1/\udcff",),
    ],
)
def test_wrong_usage_is_exit_2(args: tuple[str, ...], scraper: Any) -> None:
    assert scraper("probe", *args).code == 2


def test_a_job_with_a_mistake_is_exit_3(scraper: Any, job: Any) -> None:
    assert scraper("probe", "http://127.0.0.1:9/", "--job", job("nmae: x\n")).code == 3
    assert scraper("probe", "http://127.0.0.1:9/", "-o", "http.tiemout=3").code == 3


def test_json_is_one_object_also_of_what_failed(scraper: Any, site: Site, serve: Any) -> None:
    site.route("/x")(lambda request: b"hello")
    told = scraper("probe", "--json", f"{serve(site).url}/x")
    assert (told.json["exit_code"], told.json["answer"]["status"], told.json["kind"]) == (0, 200, "http")
    failed = scraper("probe", "--json", "http://nowhere.invalid/")
    assert (failed.code, failed.json["exit_code"], failed.json["failures"][0]["stage"]) == (4, 4, "dns")


def test_every_key_of_the_json_is_told_by_the_manual() -> None:
    """Those of the sections too."""
    from dataclasses import fields

    from scraper.cli.probe import KEYS
    from scraper.probe import report

    kinds = [getattr(report, name) for name in dir(report) if hasattr(getattr(report, name), "__dataclass_fields__")]
    names = {field.name for kind in kinds for field in fields(kind)}
    assert {name for name in names if name not in KEYS} == set()


def test_the_settings_of_a_job_are_applied(
    scraper: Any, job: Any, site: Site, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cr3t-of-the-job")
    server = serve(site)
    site.route("/x")(lambda request: b"hello")
    text = (
        'name: mine\nvars: {base: "http://unset.invalid"}\nhttp: {headers: {X-Key: "{{ env(\'API_KEY\') }}"}}\n'
        'start: ["{{ base }}/x"]\nrules: {r: {item: {t: h1}}}\n'
    )
    told = scraper(
        "probe", f"{server.url}/x", "--job", job(text), "--var", f"base={server.url}", "-o", "http.headers.X-Own=1"
    )
    assert told.code == 0
    assert dict(server.log[0].headers)["X-Key"] == "s3cr3t-of-the-job"
    assert dict(server.log[0].headers)["X-Own"] == "1"
    assert "X-Key: {env:API_KEY}" in told.out
    assert "s3cr3t-of-the-job" not in told.out


def test_a_secret_that_is_not_set_is_exit_3(scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    text = (
        "name: m\nhttp: {headers: {K: \"{{ env('API_KEY') }}\"}}\n"
        'start: ["http://h.invalid/"]\nrules: {r: {item: {t: h1}}}\n'
    )
    assert scraper("probe", "http://h.invalid/", "--job", job(text)).code == 3


def test_nothing_that_came_is_an_escape_on_a_terminal(scraper: Any, site: Site, serve: Any) -> None:
    head = 'HTTP/1.1 200 OK\r\nETag: "\x9b31m"\r\nCache-Control: \xe2\x80\xae x\r\nContent-Length: 0\r\n\r\n'
    site.route("/x")(lambda request: Raw(head.encode("latin-1")))
    site.route("/robots.txt")(lambda request: "User-agent: *\nDisallow: /x\x1b[2J\u202e*\nAllow: /x\x1b[2J")
    url = f"{serve(site).url}/x"
    for told in (scraper("probe", url), scraper("probe", "--json", url)):
        assert told.code == 0
        assert all(char.isprintable() or char == "\n" for char in told.out)


def test_ctrl_c_ends_it_at_once_with_130(process: Any, site: Site, serve: Any, gate: Any) -> None:
    late = gate()
    site.route("/x")(late)
    running = process("probe", f"{serve(site).url}/x")
    late.wait()
    running.signal(signal.SIGINT)
    told = running.end()
    late.open.set()
    assert (told.code, told.err) == (130, "stopped\n")
    assert told.out.startswith("probe ")


def test_a_small_service_is_asked_by_the_command(scraper: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        told = scraper(
            "probe", f"udp://127.0.0.1:{sock.getsockname()[1]}", "--send", "x", "-o", "http.timeout.connect=0.1"
        )
    assert told.code == 4
    assert 'sent "x"' in told.out


def test_json_of_a_service(scraper: Any) -> None:
    import threading

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer() -> None:
            data, address = sock.recvfrom(100)
            sock.sendto(data.upper(), address)

        one = threading.Thread(target=answer)
        one.start()
        url = f"udp://127.0.0.1:{sock.getsockname()[1]}"
        told = scraper("probe", url, "--send", "Grüße", "--service", "echo", "--json")
        one.join()
    assert told.code == 4
    assert json.loads(told.out)["service"]["expected"] is False
