"""Each command line in README.md and docs has the words that it is given; and it can be run.

All of them are read by the commands themselves, as a shell would hand them over. Those of the walks are run by the
tests of the walks, in order; all others here (slow), each in a copy of a folder in which the jobs that they name lie
and have run. Those that never end, or need what is not here, stand in `ELSEWHERE` with the test that runs them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from scraper.cli.main import COMMANDS, USES, cli, root
from scraper.server import Server
from scraper.server.fixture import fixture_site

ROOT = Path(__file__).parents[2]
SITE = "http://127.0.0.1:8000"
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Dockerfile", *(ROOT / "docs").glob("*.md")])
SYNOPSES = {"design.md"}
"""Documents whose blocks say what may be given, in brackets."""
FILES = ("books.yaml", "million.yaml", "nightly.yaml", "proxied.yaml", "tested.yaml", "jobs/books.yaml", "job.yaml")
FOLDERS = ("jobs", "public", "gallery-dl/books", "output/books")

_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```|(?P<indented>(?:^(?: {4}|#   ).*\n)+)", re.M | re.S)
_INLINE = re.compile(r"`(scraper [^`\n]+)`")
_CALL = re.compile(r"""(?:^|[ "'=/])(scraper (?!folder)(?:--?\w|[\w.]).*)$""")
_PLACEHOLDER = re.compile(r"[…\[|]|\.\.\.|\b(?:JOB|URL|DIR|FILE|SHELL|RUN)\b")


def blocks(path: Path) -> Iterator[str]:
    """The lines of blocks of commands, continued ones joined."""
    for found in _BLOCK.finditer(path.read_text("utf-8")):
        text = found["indented"] or found["text"]
        if found["kind"] not in ("yaml", "sql", "json"):
            lines = re.sub(r"\\\n", " ", text).splitlines()
            yield from (line for line in lines if path.name != "Dockerfile" or line.startswith("#"))


def called(line: str) -> str | None:
    """The call of `scraper` in a line of a block, if that is one; not in what a command prints."""
    line = line.strip().removeprefix("#").strip()
    if line.startswith(("next", "wrote", "docker build")):
        return None
    found = _CALL.search(line.removeprefix("$ ").split("bash_command=")[-1].lstrip('"'))
    if found is None:
        return None
    call = found[1].removesuffix(",").removesuffix(")").removesuffix('"')
    return re.split(r" (?:>|>>|\|\||&&|&)(?: |/|$)", call)[0]


def calls() -> Iterator[tuple[str, str]]:
    """Documents and calls, each once, without those that have a place for something (`JOB`) in them."""
    found: dict[tuple[str, str], None] = {}
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        inline = [] if path.name == "Dockerfile" else _INLINE.findall(text)
        in_blocks = [] if path.name in SYNOPSES else [call for line in blocks(path) if (call := called(line))]
        for call in [*in_blocks, *(each for each in inline if not _PLACEHOLDER.search(each))]:
            if call.partition(" ")[2] not in COMMANDS:  # a name alone is a name
                found[path.name, call] = None
    return iter(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the documents name is there, so that a command that looks for it finds it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in FOLDERS:
        (tmp_path / name).mkdir(parents=True)
    for name in FILES:
        (tmp_path / name).write_text("name: job\n")
    (tmp_path / "faults.yaml").write_text("[]")
    (tmp_path / "settings/scraper").mkdir(parents=True)
    (tmp_path / "settings/scraper/config.yaml").write_text("{}")
    return tmp_path


def read(words: list[str]) -> click.Context:
    """Has a command line read by its commands, down to the last; none is called.

    Raises:
        click.ClickException: it does not fit.
    """
    group, path = click.Context(root, info_name="scraper"), "scraper"
    context = root.make_context(path, words, parent=None)
    while isinstance(context.command, click.Group):
        group = context
        assert isinstance(group.command, click.Group)
        name, command, rest = group.command.resolve_command(group, [*group._protected_args, *group.args])
        assert command is not None
        context = command.make_context(name, rest, parent=group)
    return context


CALLS = list(calls())


def words_of(call: str) -> list[str]:
    """The words behind `scraper`."""
    return [os.path.expanduser(word) for word in shlex.split(call, comments=True)[1:]]


@pytest.mark.parametrize(("document", "call"), CALLS)
def test_a_call_has_the_words_that_it_is_given(document: str, call: str, folder: Path) -> None:
    with contextlib.suppress(click.exceptions.Exit):  # --help, --version
        read(words_of(call))


def test_every_command_stands_in_the_readme_and_in_the_contract() -> None:
    table = (ROOT / "README.md").read_text("utf-8").partition("\n## Commands\n")[2].partition("\n\n`run`")[0]
    readme = set(re.findall(r"`scraper (\w+)", table))
    assert re.findall(r"(?m)^\| \*\*([\w, ]+)\*\*", table) == list(USES)  # grouped as in scraper --help
    design = (ROOT / "docs" / "design.md").read_text("utf-8").partition("## 2. Commands")[2].partition("\n## ")[0]
    assert set(COMMANDS) - readme == set()
    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", design)] == []


def test_a_command_that_is_named_is_there() -> None:
    """`scraper why URL`, `scraper export JOB [-o FILE]`: what has a place for something is not read, but named."""
    for path in DOCUMENTS:
        for call in _INLINE.findall(path.read_text("utf-8")):
            first = call.split()[1]
            assert first in COMMANDS or first.startswith("-") or first.endswith(".yaml"), (path.name, call)


FOREIGN = {
    *("--cacert", "--requests", "--dist", "--scraper-record", "--scraper-update", "--init", "--stop-timeout"),
    *("--restart", "--rm", "--chunk-size", "--image", "--install", "--peers", "--runs", "--scale", "--strict"),
}
"""Options of curl, mypy, pytest, docker and the bench."""


def options(command: click.Command) -> Iterator[str]:
    """All options of a command, and of those below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
        below = command.get_command(click.Context(command), name)
        yield from options(below) if below is not None else ()


def test_every_option_that_is_named_is_one() -> None:
    known = {*options(root), "--help", *FOREIGN}
    for path in DOCUMENTS:
        named = set(re.findall(r"(?<![\w/-])--[a-z][a-z0-9-]*[a-z0-9]", path.read_text("utf-8")))
        assert path.name == "Dockerfile" or named - known == set(), path.name


ELSEWHERE = {
    "scraper serve": "never ends: tests/cli/test_serve.py, tests/server",
    "scraper schedule run": "never ends: tests/schedule",
    "scraper schedule uninstall": "changes the machine: tests/schedule",
    "scraper schedule install": "changes the machine: tests/schedule; with --print it is run",
    "scraper probe tcp://host:port": "no such host: tests/probe",
    "scraper record jobs/books.yaml": "test_walk.py",
    "scraper test": "needs a tape: test_walk.py, test_recipes.py",
    "scraper record": "test_walk.py, test_recipes.py",
}
WALKED = ("README.md", "docs/getting-started.md", "docs/testing.md")
"""Their steps are run by test_walk.py and test_getting_started.py."""
HERE = (
    ("/srv/jobs/", "jobs/"),
    ("/var/log/", ""),
    ("/jobs/", "jobs/"),
    ("/jobs", "jobs"),
    ("/output/", ""),
    ("/mnt/", ""),
)
ENDS = {"--exit-unchanged 99": 99}
"""Exit codes other than 0, by how a call ends: all has come already."""
_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


def to_run() -> Iterator[tuple[str, str]]:
    walks = {Path(name).name: (ROOT / name).read_text("utf-8") for name in WALKED}
    for document, call in CALLS:
        plain = " ".join(call.partition(" #")[0].split())
        is_elsewhere = plain.startswith(tuple(ELSEWHERE)) and not plain.endswith("--print")
        if f"$ {call}" not in walks.get(document, "") and not is_elsewhere:
            yield document, plain


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with the jobs of the documents, those that retry, verify and the like need having run; the site."""
    home = tmp_path_factory.mktemp("lived")
    recipes = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    found = re.findall(r"```yaml\nname: (\w+)\n(.*?)```", recipes, re.S)
    jobs = {name: f"name: {name}\n{text}" for name, text in found}
    with Server(fixture_site()) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for place in ("jobs", "public", "gallery-dl/books"):
            (home / place).mkdir(parents=True)
        jobs["books"] = (ROOT / "scraper/samples/template.yaml").read_text("utf-8").replace("my-job", "books")
        for name, text in jobs.items():
            for at in (home / f"{name}.yaml", home / "jobs" / f"{name}.yaml"):
                at.write_text(text.replace(SITE, server.url), "utf-8")
        (home / "urls.csv").write_text(f"url,width\n{server.url}/pictures/1.png,300\n", "utf-8")
        assert [cli(["run", "-q", f"{name}.yaml"]) for name in ("books", "million", "nightly")] == [0, 0, 0]
        yield home, server.url


@pytest.mark.slow
@pytest.mark.parametrize(("document", "call"), list(to_run()))
def test_a_call_does_what_it_is_there_for(
    document: str, call: str, lived_in: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, site = lived_in
    shutil.copytree(home, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in ("API_SECRET", "MEMBERS_PASSWORD", "PROXY_PASSWORD"):
        monkeypatch.setenv(name, "a-secret-of-the-test")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    (run,) = [path.name for path in Path("output/books/.scraper/runs").iterdir()]
    here = _RUN.sub(run, call.replace(SITE, site))
    for there, place in HERE:
        here = re.sub(rf"(?<= ){there}", place, here)
    assert cli(words_of(here)) == next((code for end, code in ENDS.items() if call.endswith(end)), 0)
