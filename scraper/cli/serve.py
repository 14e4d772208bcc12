"""`scraper serve` and `scraper demo`: the bundled server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from scraper import errors

PORT = 8000


@click.command(short_help="serve a folder, or the fixture site")
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
def serve(folder: Path | None, port: int) -> int:
    """Serves DIR on 127.0.0.1 until Ctrl-C; without DIR the fixture site, which the sample jobs read.

    The URL goes to stdout, so that a script can read it with --port 0.
    """
    from scraper.server.server import Server

    if folder is not None and not folder.is_dir():
        raise errors.UsageError(f"{folder} is no folder")
    with Server(_site(folder), port=port, record=False) as server:
        click.echo(server.url)
        click.echo(f"serving {folder or 'the fixture site'} on {server.url} (Ctrl-C stops)", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
    return errors.Exit.DONE


def _site(folder: Path | None) -> Any:
    if folder is not None:
        return folder
    from scraper.server.fixture import fixture_site

    return fixture_site()


@click.command(short_help="run the sample jobs against the bundled server")
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
