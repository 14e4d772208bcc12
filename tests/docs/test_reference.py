"""docs/reference.md is made of the models, and each of its examples is a job that loads, and runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.main import cli
from scraper.job import after, cases, model, parts, yaml
from scraper.job.about import EXAMPLE, About, abouts
from scraper.job.load import from_data
from scraper.job.reference import SECTIONS, reference
from scraper.server import Server
from scraper.server.fixture import fixture_site

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference.md"
KINDS = {
    name: kind
    for module in (parts, after, cases, model)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, parts.Model)
}
BASES = {"Model", "RequestParts", "NextModel", "NamedCase"}
EXAMPLES = {f"{name}.{key}": about for name, keys in abouts().items() for key, about in keys.items()}


def job_of(about: About) -> dict[str, Any]:
    """The whole job that an example is a part of."""
    found: dict[str, Any] = {**yaml.value(EXAMPLE), **yaml.value(about.example)}
    if "vars" in found and "base" not in found["vars"]:
        found["vars"]["base"] = "http://127.0.0.1:8000"
    return found


def test_the_document_is_current() -> None:
    """`make docs` writes it anew."""
    assert DOCUMENT.read_text("utf-8") == reference()


def test_every_model_has_a_section_and_every_key_its_words() -> None:
    keys = {
        name: {field.alias or key for key, field in kind.model_fields.items()}
        for name, kind in KINDS.items()
        if name not in BASES
    }
    assert {name: set(about) for name, about in abouts().items()} == keys
    assert {name for name, _, _ in SECTIONS} == set(keys)


@pytest.mark.parametrize("key", EXAMPLES)
def test_the_example_of_a_key_is_a_valid_job_that_uses_it(key: str) -> None:
    from_data(job_of(EXAMPLES[key]))
    assert key.partition(".")[2] in EXAMPLES[key].example


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(fixture_site()) as server:
        yield server


def runs() -> Iterator[Any]:
    """Each example that runs once, though several keys share it; some at once, all by `make slow`."""
    known: dict[str, str] = {}
    for key, about in EXAMPLES.items():
        if about.is_run:
            known.setdefault(about.example, key)
    for at, key in enumerate(known.values()):
        yield key if at % 20 == 0 else pytest.param(key, marks=pytest.mark.slow)


@pytest.mark.parametrize("key", list(runs()))
def test_the_example_of_a_key_runs(key: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_PASSWORD", "a secret of the example")
    (tmp_path / "urls.csv").write_text(f"n,url\n1,{server.url}/pictures/1.png\n2,{server.url}/pictures/2.png\n")
    (tmp_path / "notes.txt").write_text("a note")
    text = "".join(f"{name}: {_flow(value)}\n" for name, value in job_of(EXAMPLES[key]).items())
    (tmp_path / "job.yaml").write_text(text, "utf-8")
    assert cli(["run", "job.yaml", "-q", "--var", f"base={server.url}", "-d", "out"]) == 0


def _flow(value: Any) -> str:
    """A value in YAML's flow style, of which JSON is a part."""
    import json

    return json.dumps(value)
