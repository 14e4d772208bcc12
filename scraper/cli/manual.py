"""docs/scraper.1, the manual page, made of the commands; and with it docs/reference.md, made of the models.

    python -m scraper.cli.manual docs        writes both (`make docs`)

The page is groff's man macros. What is in it is what `--help` says, command by command, and what stands in no help:
exit codes, variables, files. tests/docs/test_manual.py holds it current; the wheel brings it to share/man/man1.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from scraper import __version__

EXITS = (
    (0, "done, nothing failed"),
    (1, "a bug: a traceback in the log"),
    (2, "wrong usage"),
    (3, "an invalid job or config file, told with line and column"),
    (4, "finished, but pages, items or files failed"),
    (5, "stopped by a limit: disk, deadline, quota, failures"),
    (6, "another run holds the output folder"),
    (7, "an expect or a test is not met"),
    (99, "nothing is new, where --exit-unchanged 99 asks for it"),
    (130, "SIGINT, after a clean drain; or who read our output has gone"),
    (143, "SIGTERM, after a clean drain"),
)

VARIABLES = (
    ("SCRAPER_CONFIG", "The config file, as --config."),
    ("SCRAPER_COMMAND_OPTION", "An option of a command, as SCRAPER_RUN_JOBS=8; below the command line."),
    ("SCRAPER_JOB__KEY__KEY", "A key of the job, over its file, as YAML: SCRAPER_JOB__HTTP__TIMEOUT__READ=5."),
    ("SCRAPER_SHARE", "0: a host's politeness is not shared with other runs; or the folder where runs meet, absolute."),
    ("NO_COLOR", "Where it is set and not empty, nothing is coloured."),
    ("XDG_CONFIG_HOME", "Where the config file is looked for; else ~/.config."),
    ("XDG_STATE_HOME", "Where scraper schedule run writes down what it did; else ~/.local/state."),
    ("HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY", "Proxies, where the job names none."),
    ("REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE", "Certificates that are trusted, where the job names none."),
    ("NETRC", "The file that http.auth.netrc reads; else ~/.netrc."),
)  # fmt: skip

FILES = (
    ("$XDG_CONFIG_HOME/scraper/config.yaml", "Settings: keys of every job below job:, options below a command."),
    ("DEST/records.jsonl", "The records of a job."),
    ("DEST/.scraper/ledger.db", "The ledger, SQLite; its views v_runs, v_pages, v_items and v_files are for queries."),
    ("DEST/.scraper/runs/RUN/", "summary.json, report.html and log.jsonl of a run."),
)  # fmt: skip


def page() -> str:
    """The manual page, in groff's man macros; it is the same wherever it is made."""
    from scraper.cli.main import root

    return "\n".join([*_head(), *_commands(root), *_tail()]) + "\n"


def _head() -> Iterator[str]:
    from scraper.cli.main import root

    yield '.\\" Made of the commands by `make docs`; do not edit.'
    yield f'.TH SCRAPER 1 "" "scraper {__version__}" "User Commands"'
    yield from (".SH NAME", r"scraper \- download in bulk and scrape, from YAML job files")
    yield from (".SH SYNOPSIS", ".B scraper", r"[\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]...", ".br")
    yield from (".B scraper", r"\fIJOB.yaml\fR [\fIOPTION\fR]...")
    yield from (".SH DESCRIPTION", *_filled(root.help or ""), ".PP")
    yield from _filled(
        "Data goes to standard output, words for people to standard error. A first argument that is a job file stands "
        "for run JOB."
    )
    yield from (".SH OPTIONS", *_options(root))


def _commands(root: click.Command) -> Iterator[str]:
    from scraper.cli.main import COMMANDS, USES, command

    yield ".SH COMMANDS"
    grouped = [name for names in USES.values() for name in names if name in COMMANDS]
    for name in (*grouped, *(name for name in COMMANDS if name not in grouped)):
        found = command(name)
        assert found is not None, name
        yield from _command(found, f"scraper {name}")


def _command(command: click.Command, path: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f".SS {_roff(path)} {_roff(usage)}"
    yield from _paragraphs(command.help or "")
    yield from _options(command)
    yield from _example(command.epilog or "")
    if path == "scraper probe":
        from scraper.cli.probe import KEYS

        yield from _verbatim(KEYS.splitlines())
    for name, inner in (command.commands if isinstance(command, click.Group) else {}).items():
        yield from _command(inner, f"{path} {name}")


def _options(command: click.Command) -> Iterator[str]:
    ctx = click.Context(command, info_name=command.name)
    for each in command.get_params(ctx):
        told = each.get_help_record(ctx)
        if told is not None and told[1] and "--help" not in each.opts:
            yield from (".TP", f".B {_roff(told[0])}", *_filled(told[1]))


def _paragraphs(text: str) -> Iterator[str]:
    """Folded, but for those that stand as they are (click's \\b)."""
    for at, part in enumerate(re.split(r"\n\s*\n", text.strip())):
        lines = [line.strip() for line in part.splitlines()]
        if lines[:1] == ["\b"]:
            yield from _verbatim(lines[1:])
        elif lines:
            yield from (*([".PP"] if at else []), *_filled(" ".join(lines)))


def _example(epilog: str) -> Iterator[str]:
    lines = [line for line in epilog.splitlines() if line.strip() not in ("\b", "Examples:", "")]
    if lines:
        yield from _verbatim(line.strip() for line in lines)


def _verbatim(lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield from (".PP", ".RS 2", ".nf", *map(_roff, lines), ".fi", ".RE")


def _tail() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, words in EXITS:
        yield from (".TP", f".B {code}", *_filled(words))
    yield from (".PP", _roff("Several at once: 1, then 130 or 143, 5, 7, 4."))
    for heading, table in (("ENVIRONMENT", VARIABLES), ("FILES", FILES)):
        yield f".SH {heading}"
        for name, words in table:
            yield from (".TP", f".B {_roff(name)}", *_filled(words))
    yield from (".SH SEE ALSO", *_filled("The documents of the project: the job file, every key of it, recipes."))


def _filled(text: str) -> Iterator[str]:
    """A paragraph in lines that are no longer than others like to read."""
    lines = textwrap.wrap(text, 70, break_long_words=False, break_on_hyphens=False)
    yield from map(_roff, lines)


def _roff(text: str) -> str:
    """A text as it is: backslashes, hyphens that are minus signs, quotes, and no request at the start of a line."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    plain = plain.replace('"', "\\(dq").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{plain}" if plain.startswith(".") else plain


def main(folder: str) -> None:
    """Writes both documents into a folder."""
    from scraper.job.reference import reference

    Path(folder, "scraper.1").write_text(page(), "utf-8")
    Path(folder, "reference.md").write_text(reference(), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
