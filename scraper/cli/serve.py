"""`scraper serve` and `scraper demo`: the bundled server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from scraper import errors
from scraper.cli.examples import examples
from scraper.cli.front import ended_by_sigterm, front_options, served

PORT = 8000


@click.command(short_help="serve a folder, or the fixture site", epilog=examples("serve"))
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=PORT, show_default=True, help="0 takes a free one."
)
@click.option(
    "--wsgi",
    multiple=True,
    metavar="[/PREFIX=]MODULE:APP",
    help="Mount a WSGI application, beside the files of DIR. Can be given several times.",
)
@front_options
def serve(folder: Path | None, port: int, wsgi: tuple[str, ...], **front: Any) -> int:
    """Serves DIR on 127.0.0.1 until Ctrl-C; without DIR the fixture site, which the sample jobs read.

    With --wsgi, PREFIX and what is below it are the application's. Without PREFIX it has all that is no file of DIR.

    The URL goes to stdout, so that a script can read it with --port 0; a line for each --service follows.
    """
    if folder is not None and not folder.is_dir():
        raise errors.UsageError(f"{folder} is no folder")
    with ended_by_sigterm(), served(_site(folder, wsgi), port, **front) as server:
        what = " and ".join([*([str(folder)] if folder else []), *wsgi]) or "the fixture site"
        click.echo(f"serving {what} on {server.url} (Ctrl-C stops)", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
    return errors.Exit.DONE


def _site(folder: Path | None, wsgi: Sequence[str] = ()) -> Any:
    from scraper.server.site import Site

    if wsgi:
        return _mounted(Site(folder), wsgi)
    if folder is not None:
        return Site(folder)
    from scraper.server.fixture import fixture_site

    return fixture_site()


def _mounted(site: Any, wsgi: Sequence[str]) -> Any:
    """The site with the applications on it; raises UsageError where one cannot be had."""
    from scraper.server.wsgi import read_mount

    for text in wsgi:
        prefix, app = read_mount(text)
        try:
            site.mount(prefix, app)
        except ValueError as fault:
            raise errors.UsageError(f"--wsgi {text}: {fault}") from fault
    return site


@click.command(short_help="run the sample jobs against the bundled server", epilog=examples("demo"))
@click.option(
    "-d",
    "--dest",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("output"),
    show_default=True,
)
def demo(dest: Path) -> int:
    """Starts the bundled server and runs the sample jobs against it, with no network."""
    from scraper.cli.run import execute
    from scraper.job.load import load
    from scraper.samples import sample_jobs

    codes = []
    with closing(_demo_server()) as server:
        click.echo(f"the fixture site is on {server.url}", err=True)
        for path in sample_jobs():
            click.echo(f"\n$ scraper run {path.name}", err=True)
            loaded = load(path, variables={"base": server.url})
            codes.append(execute(loaded, _as_by_default(dest / loaded.job.name)))
    click.echo(
        f"\nThe results are in {dest.resolve()}: files, records.jsonl, and .scraper with the ledger.",
        err=True,
    )
    return max(codes, default=errors.Exit.BUG)


def _demo_server() -> Any:
    """On the usual port, so that a second demo finds the same URLs and fetches nothing twice; else on a free one."""
    from scraper.server.server import ServeError, Server

    server = Server(_site(None), port=PORT, record=False)
    try:
        server.start()
    except ServeError:
        server = Server(_site(None), record=False)
        server.start()
    return server


def _as_by_default(dest: Path) -> dict[str, Any]:
    """The options of `run` as they are when none is given, paths not printed."""
    flags = dict.fromkeys(("dry_run", "fresh", "quiet", "verbose", "as_json"), False)
    return {**flags, "dest": dest, "state": None, "limit": None, "print_paths": False}
