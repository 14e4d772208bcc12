"""The layers of settings: default < config file < job file < SCRAPER_* variables < command line."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.cli import layers
from scraper.cli.main import COMMANDS, command
from scraper.server import Site

JOB = 'name: mine\nstart: ["http://127.0.0.1:9/"]\nrules: {r: {item: {t: h1}}}\n'


@pytest.fixture
def config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the user's config file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))

    def write(text: str) -> Path:
        path = folder / "xdg" / "scraper" / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def values(told: Any) -> dict[str, tuple[Any, str]]:
    return {one["key"]: (one["value"], one["layer"]) for one in told.json}


def test_each_layer_is_laid_over_the_one_before(
    scraper: Any, job: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config("job: {http: {timeout: {connect: 2, read: 2, total: 2, slowest: 2}}}\n")
    monkeypatch.setenv("SCRAPER_JOB__HTTP__TIMEOUT__TOTAL", "4")
    monkeypatch.setenv("SCRAPER_JOB__HTTP__TIMEOUT__SLOWEST", "4")
    path = job(JOB + "http: {timeout: {read: 3, total: 3, slowest: 3}}\n")
    told = values(scraper("config", "show", path, "http", "--json", "-o", "http.timeout.slowest=5"))
    assert {key: each for key, each in told.items() if key.startswith(("http.timeout", "http.version"))} == {
        "http.timeout.connect": (2, "config file"),
        "http.timeout.read": (3, "job file"),
        "http.timeout.total": (4, "environment"),
        "http.timeout.slowest": (5, "command line"),
        "http.version": ("1.1", "default"),
    }


def test_show_tells_the_place_of_each_value(scraper: Any, job: Any, config: Any) -> None:
    path = config("job:\n  polite: {rate: 3M}\n")
    told = scraper("config", "show", job(JOB), "polite", "-o", "polite.delay=1")
    lines = {line.partition(":")[0]: line.partition("  #")[2].strip() for line in told.lines}
    assert lines == {
        "polite.robots": "default",
        "polite.per_host": "default",
        "polite.delay": "-o polite.delay",
        "polite.rate": f"{path}:2:18",
        "polite.hosts": "default",
    }


def test_what_is_one_thing_is_taken_whole(scraper: Any, job: Any, config: Any) -> None:
    config(
        "job: {http: {headers: {A: a, B: b}, proxies: {http: 'http://p:1'}}, on_finish: {run: [a], when: '{{ 1 }}'}}"
    )
    path = job(JOB + "http: {headers: {B: c}, proxies: ['http://q:1']}\non_finish: {run: [b]}\n")
    told = values(scraper("config", "show", path, "http.headers", "http.proxies", "on_finish", "--json"))
    assert told == {
        "http.headers.B": ("c", "job file"),
        "http.headers.A": ("a", "config file"),
        "http.proxies": (["http://q:1"], "job file"),
        "on_finish.run": (["b"], "job file"),
    }


MISTAKES = {
    "job: {name: x}": "1:7: job.name: name belongs to one job; it is no default for all",
    "job: {http: {auth: {bearer: x}}}": "1:14: job.http.auth: auth belongs to one site, and every job would send it; "
    "write it into the job",
    "job: {http: {headers: {X-Api-Key: abc}}}": "1:35: job.http.headers.X-Api-Key: a secret stands here as "
    "\"{{ env('NAME') }}\" or \"{{ secret_file('PATH') }}\"",
    "job: {http: {proxies: {http: 'http://u:p@h:1'}}}": "1:30: job.http.proxies.http: a secret stands here as "
    "\"{{ env('NAME') }}\" or \"{{ secret_file('PATH') }}\"",
    "job: {polite: {rat: 3}}": '1:16: polite.rat: unknown key; did you mean "rate"?',
    "job: {http: {timeout: {read: abc}}}": '1:30: http.timeout.read: expected a number, found text "abc"',
    "jbo: {}": '1:1: jbo: neither `job` nor a command; did you mean "job"?',
    "run: {jbos: 3}": '1:7: run.jbos: no such option of `scraper run`; did you mean "jobs"?',
    "run: {quiet: 3}": "1:14: run.quiet: expected true or false",
    "run: {set: polite.delay=1}": "1:12: run.set: expected a list: this option can be given several times",
    "run: {limit: 0}": "1:14: run.limit: 0 is not in the range x>=1",
    "run: {jobs: lots}": "1:13: run.jobs: 'lots' is not a whole number",
    "test: {update: true}": "1:1: test: `scraper test` does not read this file",
    "- a": "1:1: expected a mapping of `job:` and of commands",
    "job: {": "1:7: a value is missing here, or a text needs quotes",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_the_config_file_is_told_with_its_place_and_cure(
    text: str, scraper: Any, job: Any, config: Any
) -> None:
    path = config(text)
    told = scraper("validate", job(JOB))
    assert told.code == 3
    assert told.err.startswith(f"{path}:{MISTAKES[text]}")


def test_the_options_of_a_command_come_from_the_file_then_the_variables_then_the_command_line(
    scraper: Any, config: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{serve().url}/pictures/1.png"
    config("get: {dest: from-file, json: true}\n")
    assert scraper("get", url).json["files"]["saved"] == 1
    monkeypatch.setenv("SCRAPER_GET_DEST", "from-variable")
    scraper("get", url)
    scraper("get", url, "-d", "from-line")
    assert {each.name for each in Path().glob("from-*")} == {"from-file", "from-variable", "from-line"}


def test_get_heeds_the_job_of_the_config_file(
    scraper: Any, config: Any, site: Site, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.route("/x")(lambda request: b"hello")
    server = serve(site)
    config('job: {http: {headers: {User-Agent: "me/1", Accept: "*/*"}}, files: {path: "kept/{{ filename }}"}}\n')
    monkeypatch.setenv("SCRAPER_JOB__HTTP__HEADERS__ACCEPT", "a/b")
    assert scraper("get", f"{server.url}/x", "-q").code == 0
    headers = dict(server.log[0].headers)
    assert (headers["User-Agent"], headers["Accept"]) == ("me/1", "a/b")
    assert Path("output/get/kept/x").read_bytes() == b"hello"


def test_paths_of_the_config_file_are_relative_to_it(scraper: Any, job: Any, config: Any, folder: Path) -> None:
    path = config("job: {http: {headers: {X-Token: \"{{ secret_file('token') }}\"}, cert: [a.crt, b.key]}}\n")
    (path.parent / "token").write_text("abc")
    assert scraper("validate", job(JOB)).err == f"{folder}/job.yaml: ok\n"
    told = values(scraper("config", "show", "http", "job.http.cert", "--json", "job.http.headers"))
    assert told["job.http.cert"] == ([str(path.parent / "a.crt"), str(path.parent / "b.key")], "config file")
    assert told["job.http.headers.X-Token"] == ("{{ secret_file('token') }}", "config file")


def test_secrets_are_blanked(scraper: Any, job: Any) -> None:
    path = job(
        JOB + "vars: {token: abc, base: x}\nhttp:\n  auth: {basic: [me, pass]}\n  headers: {Authorization: abc, X: y}\n"
        '  cookies: {a: b}\n  proxies: {http: "http://u:p@h:1"}\n'
        'login: [{post: "http://127.0.0.1:9/", data: {password: p, user: u}}]\n'
    )
    told = values(scraper("config", "show", path, "vars", "http", "login", "--json"))
    assert {key: value for key, (value, layer) in told.items() if layer == "job file"} == {
        "vars.token": "***",
        "vars.base": "x",
        "http.auth.basic": ["me", "***"],
        "http.headers.Authorization": "***",
        "http.headers.X": "y",
        "http.cookies.a": "***",
        "http.proxies.http": "http://***@h:1",
        "login": [{"post": "http://127.0.0.1:9/", "data": {"password": "***", "user": "u"}}],
    }


def test_secrets_are_blanked_in_what_a_command_is_given_and_in_variables(
    scraper: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config("run: {set: [http.headers.Authorization=Bearer abc, files.jobs=3], var: [token=x, page=7]}\n")
    monkeypatch.setenv("SCRAPER_JOB__HTTP__AUTH", "{basic: [me, pass]}")
    monkeypatch.setenv("SCRAPER_GET_OVERRIDES", "http.auth.bearer=abc files.jobs=3")
    told = values(scraper("config", "show", "--json"))
    assert {key: value for key, (value, _) in told.items()} == {
        "run.set": ["http.headers.Authorization=***", "files.jobs=3"],
        "run.var": ["token=***", "page=7"],
        "job.http.auth": "***",
        "SCRAPER_GET_OVERRIDES": "http.auth.bearer=*** files.jobs=3",
    }


def test_what_an_item_calls_its_fields_is_no_secret(scraper: Any, job: Any) -> None:
    path = job(
        'name: mine\nstart: ["http://127.0.0.1:9/"]\nrules: {r: {item: {token: h1}, files: {url: "http://u:p@h/"}}}\n'
    )
    told = values(scraper("config", "show", path, "rules", "--json"))
    assert told == {"rules.r.item.token": ("h1", "job file"), "rules.r.files.url": ("http://***@h/", "job file")}


def test_a_variable_names_keys_in_whatever_case_the_job_writes_them(
    scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPER_JOB__VARS__PAGESIZE", "7")
    told = values(scraper("config", "show", job(JOB + "vars: {PageSize: 3}\n"), "vars", "--json"))
    assert told == {"vars.PageSize": (7, "environment")}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SCRAPER_JOB__HTTP__TIMEOUT__READ", "abc", 'http.timeout.read: expected a number, found text "abc"'),
        ("SCRAPER_JOB__POLIT__DELAY", "1", 'polit: unknown key; did you mean "polite"?'),
        ("SCRAPER_JOB__", "1", "name a key, as in SCRAPER_JOB__HTTP__TIMEOUT__READ=5"),
        ("SCRAPER_JOB__NAME__X", "1", "name.X: what holds 'x' is neither a mapping nor a list"),
    ],
)
def test_a_mistake_in_a_variable_is_told_by_its_name(
    name: str, value: str, told: str, scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found = scraper("validate", job(JOB))
    assert (found.code, found.err.startswith(f"{name}:1:1: ")) == (3, True)
    assert told.lower() in found.err.lower()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SCRAPER_RUN_JBOS", '; did you mean "SCRAPER_RUN_JOBS"?'),
        ("SCRAPER_JOB_HTTP", '; did you mean "SCRAPER_JOB__HTTP"?'),
        ("SCRAPER_CONFG", '; did you mean "SCRAPER_CONFIG"?'),
        ("SCRAPER_RUN_QUIET", None),
        ("SCRAPER_CONFIG", None),
        ("SCRAPER_JOB", None),
        ("SCRAPER_RUN", None),
        ("SCRAPER_DEST", None),
        ("SCRAPER_EXIT_CODE", None),
        ("SCRAPER_SUMMARY_FILES_SAVED", None),
        ("SCRAPER_FILE_PATH", None),
        ("SCRAPER_TOKEN", None),
    ],
)
def test_a_variable_that_looks_like_ours_and_is_none_is_told(name: str, told: str | None) -> None:
    assert layers.unknown(name, COMMANDS, command) == told


def test_no_variable_of_a_hook_sets_an_option() -> None:
    ours = {name for each in COMMANDS for name in layers.variables_of(each, command(each))}
    hooked = {name for name in ours if name in layers.HOOKED or name.startswith(("SCRAPER_SUMMARY", "SCRAPER_FILE"))}
    assert hooked == set()


def test_a_warning_of_a_variable_changes_nothing_else(scraper: Any, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRAPER_VALIDATE_QUITE", "1")
    told = scraper("validate", job(JOB))
    assert (told.code, told.err.splitlines()[0]) == (
        0,
        'scraper: warning: the variable SCRAPER_VALIDATE_QUITE is not known; did you mean "SCRAPER_VALIDATE_QUIET"?',
    )


def test_a_file_can_be_named_and_must_be_there(scraper: Any, job: Any, folder: Path) -> None:
    (folder / "mine.yaml").write_text("job: {polite: {delay: 3}}\n")
    told = values(scraper("--config", "mine.yaml", "config", "show", job(JOB), "polite.delay", "--json"))
    assert told == {"polite.delay": (3, "config file")}
    missing = scraper("--config", "other.yaml", "validate", job(JOB))
    assert (missing.code, missing.err) == (2, "scraper: there is no config file other.yaml\n")


def test_tests_and_replays_take_neither_file_nor_variables(
    scraper: Any, job: Any, config: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = job(f'name: mine\nstart: ["{serve().url}/catalogue/"]\nrules: {{r: {{each: h3, item: {{t: a}}}}}}\n')
    assert scraper("record", path, "-q").code == 0
    config("job: {records: other.csv}\nrun: {json: true}\n")
    monkeypatch.setenv("SCRAPER_JOB__RULES__R__ITEM__T", "nothing")
    assert scraper("test", path).code == 0
    told = scraper("run", path, "--tape", "tapes/mine.warc.gz", "-d", "replayed")
    assert (told.code, told.out, Path("replayed/records.jsonl").exists()) == (0, "", True)


def test_path_tells_where_the_file_would_be(scraper: Any, config: Any, folder: Path) -> None:
    missing = scraper("config", "path")
    assert (missing.code, missing.err) == (0, "there is none yet\n")
    path = config("job: {}\n")
    told = scraper("config", "path")
    assert (told.code, told.out) == (0, f"{path}\n")


def test_a_key_that_is_not_there_is_told(scraper: Any, job: Any) -> None:
    told = scraper("config", "show", job(JOB), "http.tmeout")
    assert (told.code, "no setting http.tmeout" in told.err) == (2, True)


def test_the_settings_of_every_job_are_told_without_a_job(
    scraper: Any, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config("job: {polite: {delay: 3}}\nrun: {jobs: 3}\n")
    monkeypatch.setenv("SCRAPER_GET_JOBS", "2")
    monkeypatch.setenv("SCRAPER_JOB__POLITE__RATE", "1M")
    told = json.loads(scraper("config", "show", "--json").out)
    assert [(one["key"], one["value"], one["layer"]) for one in told] == [
        ("job.polite.delay", 3, "config file"),
        ("job.polite.rate", "1M", "environment"),
        ("SCRAPER_GET_JOBS", "2", "environment"),
        ("run.jobs", 3, "config file"),
    ]


BARE = {
    "config": "it lays the layers itself",
    "layers": "the door",
    "run": "get, and a replay, which is the same everywhere",
    "serve": "the sample jobs of `demo`, which are the same everywhere",
}


def test_every_other_command_loads_its_job_within_the_layers() -> None:
    """`from scraper.cli.layers import load_job`, in the place of `scraper.job.load.load`."""
    folder = Path(layers.__file__).parent
    found = {
        path.stem
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "scraper.job.load"
    }
    assert found - set(BARE) == set()
