"""`scraper validate`, `scraper init` and `scraper schema`: job files themselves."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import click

from scraper import errors
from scraper.cli.examples import examples


@click.command(short_help="check job files, tell every mistake", epilog=examples("validate"))
@click.argument("jobs", nargs=-1, required=True)
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of files that are right.")
def validate(jobs: tuple[str, ...], variables: tuple[str, ...], quiet: bool) -> int:
    """Checks each JOB without fetching anything; exit 3 where one has a mistake."""
    from scraper.cli.layers import load_job
    from scraper.cli.run import pairs

    given, code = pairs(variables, "--var"), 0
    for job in jobs:
        try:
            loaded = load_job(job, variables=given)
        except errors.JobError as error:
            click.echo(str(error), err=True)
            code = errors.Exit.JOB
            continue
        for warning in loaded.warnings:
            click.echo(str(warning), err=True)
        if not quiet:
            click.echo(f"{job}: ok", err=True)
    return code


@click.command(short_help="print the JSON Schema of job files", epilog=examples("schema"))
def schema() -> None:
    """Prints the JSON Schema of job files, for editors."""
    from scraper.job.schema import schema as text

    click.echo(text(), nl=False)


@click.command(short_help="write a commented job file to begin with", epilog=examples("init"))
@click.argument("file", default="job.yaml", type=click.Path(dir_okay=False, path_type=Path))
def init(file: Path) -> None:
    """Writes a commented job to FILE (job.yaml), named after it, and its schema beside it.

    An existing file is left alone.
    """
    from scraper.job.schema import schema as text

    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(_template(file.stem))
    except FileExistsError:
        raise errors.UsageError(f"{file} is there already; it is left alone") from None
    except OSError as error:
        raise errors.UsageError(f"{file}: {error.strerror}") from error
    file.with_name("job.schema.json").write_text(text(), "utf-8")
    click.echo(f"wrote {file}; next: scraper validate {file}, then scraper run {file}", err=True)


def _template(stem: str) -> str:
    """The commented job, by the name of its file where a job may be called so."""
    text = resources.files("scraper.samples").joinpath("template.yaml").read_text("utf-8")
    if not re.fullmatch(r"[a-z0-9_-]+", stem):
        return text
    text = re.sub(r"^name: my-job\b *", f"name: {stem:<30}", text, flags=re.M)
    return text.replace("my-job", stem)
