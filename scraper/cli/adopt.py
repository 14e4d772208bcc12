"""`scraper adopt`: files that are there already become files of a job, without being downloaded.

With `--json` the summary of the run (DESIGN section 2), and in it `"adopted": {"files", "bytes", "copied", "known",
"refused": {class: count}, "missing", "ambiguous", "unwanted"}` (run/errands/adopt.py, Adopted).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import units
from scraper.cli.examples import examples
from scraper.cli.logs import log_options
from scraper.cli.run import wait_option

if TYPE_CHECKING:
    from scraper.model import Summary
    from scraper.run.errands.adopt import Adopt

SHOWN = 1000
"""Files that nothing asks for, told with -v."""


@click.command(short_help="take files that are there as files of a job", epilog=examples("adopt"))
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("job")
@click.option("-d", "--dest", type=click.Path(file_okay=False, path_type=Path), help="The output folder.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where the ledger lives.")
@click.option("-j", "--jobs", type=click.IntRange(1), hidden=True)
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("--link", "how", flag_value="link", help="Hard links, else copies (default).")
@click.option("--copy", "how", flag_value="copy", help="Copies.")
@click.option("--move", "how", flag_value="move", help="Take them out of DIR.")
@click.option(
    "--by", type=click.Choice(("any", "path", "name")), default="any", show_default=True,
    help="Look for a file by its whole path, or by its last name.",
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Read pages, look and judge, write nothing.")
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of paths.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Every page and file, and what nothing asks for.")
@log_options
def adopt(folder: Path, job: str, how: str | None, by: str, **options: Any) -> int:
    """Reads the pages of JOB, and takes the files it would fetch from DIR, where they are and are as they should be.

    What is not found is fetched by the next run. DIR may be the output folder.
    """
    from scraper.cli.layers import load_job
    from scraper.cli.run import execute, overrides, pairs
    from scraper.run.errands.adopt import Adopt
    from scraper.run.kit import Options
    from scraper.run.runner import run

    loaded = load_job(job, variables=pairs(options["variables"], "--var"), overrides=overrides(options))
    errand = Adopt(folder, by, how or "link", SHOWN if options["verbose"] else 0)
    as_json, summaries = options.pop("as_json"), list[Any]()

    def perform(shown: Any, control: Any) -> Any:
        settings = Options(
            dest=options["dest"], state=options["state"], dry=options["dry_run"], errand=errand, wait=options["wait"]
        )  # fmt: skip
        summary = run(loaded, settings, shown, control)
        summaries.append(summary)
        for line in _lines(errand, folder, dry=options["dry_run"]):
            shown.say(line)
        return summary

    given = {**options, "limit": None, "fresh": False, "as_json": False, "print_paths": not as_json}
    code = execute(loaded, given, perform=perform)
    if as_json and summaries:
        _tell_json(summaries[0], errand)
    return code


def _lines(errand: Adopt, folder: Path, *, dry: bool) -> list[str]:
    """What it came to, or would come to, for people."""
    from scraper.units import counted

    result = errand.result
    copied = f", {result.copied} of them copied" if result.copied else ""
    done = "would adopt" if dry else "adopted"
    lines = [f"{done} {counted(result.files, 'file')} ({units.human_bytes(result.bytes)}) from {folder}{copied}"]
    if result.known:
        lines.append(f"{result.known} stand under their names already, and are known now")
    if result.refused:
        told = ", ".join(f"{count} {name}" for name, count in sorted(result.refused.items()))
        lines.append(f"{result.refused.total()} refused: {told}")
    if result.missing:
        unclear = f" ({result.ambiguous} because several bear the name)" if result.ambiguous else ""
        lines.append(f"{result.missing} not found{unclear}; the next run fetches them")
    if result.unwanted:
        lines.append(f"nothing in the job asks for {counted(result.unwanted, 'file')} of {folder}")
    return [*lines, *(f"  {path}" for path in errand.unwanted)]


def _tell_json(summary: Summary, errand: Adopt) -> None:
    from scraper.cli.run import unseen_escaped

    result = errand.result
    told = {**vars(result), "refused": dict(sorted(result.refused.items()))}
    click.echo(unseen_escaped(json.dumps({**summary.as_dict(), "adopted": told}, ensure_ascii=False)))
