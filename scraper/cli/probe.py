"""`scraper probe`: the first thing to run when a job fails."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any

import click

from scraper import errors
from scraper.cli.examples import examples

WIDTH = 80
_TONES: dict[str, dict[str, Any]] = {"good": {"fg": "green"}, "bad": {"fg": "red"}, "dim": {"dim": True}}
KEYS = """\
--json prints one object, also of what failed:
  url, kind (http, tcp, udp), job, notes, exit_code, seconds,
  requests, connections
  proxy     {url, source (job, environment), tunnel, seconds}
  dns       [{family, addresses, seconds, error}]
  tcp       [{address, port, seconds, error}]
  tls       {version, cipher, seconds, verified, why, checked,
            versions: {"1.0" to "1.3": taken, refused, unknown: why},
            certificate: {subject, names, issuer, since, until,
            days, self_signed}}
  hops      [{method, url, status, reason, location, seconds, address,
            sent: {headers, cookies, auth, certificate, withheld}}]
  answer    {status, url, content_type, content_length,
            content_encoding, last_modified, etag, validator (strong,
            weak), accept_ranges, cache_control, retry_after,
            set_cookie}
  ranges    {status, served, resume, why}
  robots    {asked, agent, allowed, why, url, status, line, text, delay}
  clock     {date, ahead (seconds)}
  service   {address, said, sent, answer, seconds, service, expected}
  failures  [{stage, name, message, next}]
An error is {stage, name, message, next} too; what was not come to is
null or empty. Header and cookie values of ours are never in it.
"""
"""Told by the manual (cli/manual.py): `--help` is to fit a screen."""


@click.command(short_help="what a URL answers, step by step, and why it fails", epilog=examples("probe"))
@click.argument("url")
@click.option("--job", metavar="JOB", help="A job file whose http: and polite: settings are used (no login).")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("--send", metavar="TEXT", help="tcp: a line to send; udp: a datagram.")
@click.option("--service", type=click.Choice(("daytime", "echo", "upper")), help="tcp, udp: what should answer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; scraper(1) tells its keys.")
def probe(
    url: str, job: str | None, overrides: tuple[str, ...], variables: tuple[str, ...], send: str | None,
    service: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Asks URL what a run would meet there: DNS, TCP, proxy, TLS and its certificate, HTTP hop by hop with what is
    sent at each, ranges, robots.txt; with --job, as that job would ask. tcp://HOST:PORT and udp://HOST:PORT hear what
    a small service says.

    It asks little, one thing at a time: a connection to each address (six at most), up to six for TLS, a HEAD for each
    hop (and a GET of one byte where HEAD is refused), a GET of one byte (and one without a range where that is
    refused; its body is left), and robots.txt. A step takes at most the timeouts of the job (without one 5 s to connect
    and 10 s to answer), all of it 30 s.

    \b
    Exit codes: 0 it was reached, and answered below 400 (or as --service
    says); 4 it was not, and FAILED says why and what to do next; 2 wrong
    usage; 3 the job is invalid.
    """
    from scraper.cli.layers import current, load_job
    from scraper.cli.run import pairs, unseen_escaped
    from scraper.probe import probe as start
    from scraper.probe import target_of
    from scraper.run.probing import bare, settings_of

    target = target_of(url, send, service)
    given = pairs(variables, "--var")
    if given and job is None:
        raise click.UsageError("--var is for the variables of a --job")
    if job is None:
        loaded = bare(url, list(overrides), current())
    else:
        loaded = load_job(job, variables=given, overrides=overrides)
    settings, patience = settings_of(loaded, url, is_job=job is not None)
    report, stages = start(target, settings, patience)
    try:
        for section in stages:
            if not as_json:
                _tell(report, section)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        return errors.Exit.SIGINT
    if as_json:
        click.echo(unseen_escaped(json.dumps(report.as_dict(), ensure_ascii=False)))
    return report.exit_code


def _tell(report: Any, section: str) -> None:
    from scraper.probe.lines import INDENT, lines
    from scraper.run.events import printable

    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    for line in lines(report, section):
        text = printable(line.text)
        nested = " " * (INDENT + len(text) - len(text.lstrip()))
        wrapped = textwrap.wrap(
            text, max(40, width) - 1, initial_indent=" " * INDENT, subsequent_indent=f"{nested}  ",
            break_on_hyphens=False,
        )  # fmt: skip
        for at, row in enumerate(wrapped):
            heading = f"{line.heading if at == 0 else '':<{INDENT}}"
            heading = click.style(heading, bold=True) if heading.strip() else heading
            click.echo(heading + (click.style(row[INDENT:], **_TONES[line.tone]) if line.tone else row[INDENT:]))
