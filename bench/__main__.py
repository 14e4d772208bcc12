"""The bench: `python -m bench W1 W2 --runs 5 --peers curl,wget2 --scale 0.1`, or `all`.

Programs take turns within each round, and each round begins with the next of them, so that what the machine does
meanwhile falls on all alike. Every server and every program is a child that ends with us, also at Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import disk, machine, results, table
from bench.environments import PACKAGES, ROOT, Environments
from bench.measure import TIMEOUT
from bench.methods import Bench, Case
from bench.peers import PEERS, Tools
from bench.results import Measured
from bench.servers import Unavailable
from bench.workloads import WORKLOADS


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scraper-bench"
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("workloads", nargs="*", metavar="W", help=f"of {' '.join(WORKLOADS)}, or all")
    add("--runs", type=int, default=5, help="rounds; each runs every program once (5)")
    add("--peers", default="", help=f"comma-separated, instead of those of the workload: {','.join(PEERS)}")
    add("--without", default="", help="comma-separated: leave these out")
    add("--cases", default="", help="only cases whose title holds this text")
    add("--scale", type=float, default=1.0, help="of the number of files, and the size of large ones (1)")
    add("-j", "--jobs", type=int, default=32, help="transfers at once, where the workload does not say (32)")
    add("--timeout", type=float, default=TIMEOUT, help=f"seconds for one run ({TIMEOUT:.0f})")
    add("--tmp", type=Path, help="where outputs are written (the usual place, or memory where that is too slow)")
    add("--image", action="store_true", help="write outputs to a journaled ext4 of our own, mounted meanwhile (root)")
    add("--cache", type=Path, default=cache, help=f"sites and environments of peers ({cache})")
    add("--scraper", help="the command that is measured (that of this environment)")
    add("--scraper-option", action="append", default=[], metavar="KEY=VALUE", help="-o of scraper, in every workload")
    add("--results", type=Path, default=ROOT / "bench" / "results" / "latest.json", help="raw results, merged by case")
    add("--write", type=Path, metavar="FILE", help="write all tables of the raw results into this Markdown file")
    add("--install", action="store_true", help="make the environments of Python peers that are missing")
    options = parser.parse_args(argv)
    if unknown := set(options.workloads) - {*WORKLOADS, "all"}:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    named = [*filter(None, options.peers.split(",")), *filter(None, options.without.split(","))]
    if unknown := set(named) - set(PEERS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    return options


def peers(case: Case, options: argparse.Namespace) -> list[str]:
    """The programs of a case: those asked for, ours always first."""
    asked = [name for name in options.peers.split(",") if name]
    chosen = list(dict.fromkeys([*case.ours.values(), *asked])) if asked else list(case.peers)
    return [name for name in chosen if name not in options.without.split(",")]


def measure(bench: Bench, case: Case, options: argparse.Namespace) -> Measured:
    """All rounds of a case."""
    right = [want for want in case.wants if want.sha256]
    total, size = case.total or len(right), sum(want.size for want in right)
    measured = Measured(case.workload, case.title, case.unit, case.about, total, size, case.bound, ours=dict(case.ours))
    print(f"\n{case.workload}: {case.title}. {case.about}", flush=True)
    chosen = peers(case, options)
    for turn in range(options.runs):
        for name in rotated(chosen, turn):
            if name in measured.left_out:
                continue
            try:
                result = case.method(bench, case, name, turn)
            except Unavailable as error:
                measured.left_out[name] = str(error)
                print(f"  -  {name:17} left out: {error}", flush=True)
                continue
            measured.results.append(result)
            print(table.line(case.unit, result), flush=True)
    measured.results.sort(key=lambda result: (chosen.index(result.peer), result.round))
    return measured


def rotated(names: list[str], turn: int) -> list[str]:
    """The same names, beginning with another one each turn."""
    begin = turn % len(names) if names else 0
    return [*names[begin:], *names[:begin]]


def cases(bench: Bench, options: argparse.Namespace) -> Iterator[Case]:
    """The cases asked for; a workload that this machine cannot serve is left out with its reason."""
    asked = list(WORKLOADS) if "all" in options.workloads else options.workloads
    for name in asked:
        with closing(WORKLOADS[name](bench)) as made:  # type: ignore[type-var]
            try:
                for case in made:
                    if options.cases in case.title:
                        yield case
            except Unavailable as error:
                print(f"\n{name} left out: {error}", flush=True)


def install(environments: Environments) -> None:
    """Makes what is missing; what cannot be had is told."""
    for name in PACKAGES:
        try:
            environments.install(name)
            print(f"{name} {environments.version(name)}", flush=True)
        except Unavailable as error:
            print(error, flush=True)


def facts(options: argparse.Namespace, environments: Environments, work: Path) -> list[str]:
    """What was measured, on what, with what."""
    versions = machine.programs() | {name: environments.version(name) for name in PACKAGES}
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return [
        f"{when}; medians of interleaved runs with their range; how many, and how much they fetch, each table says.",
        *(f"{fact}." for fact in machine.facts(work)),
        f"{told}.",
        "The server has the last core, clients may use all. Times are of whole processes, start-up included.",
    ]


def keep(options: argparse.Namespace, told: list[str], case: Measured, begun: set[str]) -> dict[str, Any]:
    """Puts a case into the raw results, in the order of the workloads.

    A workload that is measured anew loses all its earlier cases with its first one (which may be of another scale);
    with --cases only the case itself is replaced.
    """
    known = results.load(options.results)
    anew = not options.cases and case.workload not in begun
    begun.add(case.workload)
    rest = [one for one in known["cases"] if one.workload != case.workload or (not anew and one.title != case.title)]
    order = list(WORKLOADS)
    known["cases"] = sorted([*rest, case], key=lambda one: order.index(one.workload))
    known["facts"] = told
    results.save(options.results, known)
    return known


def main(argv: Sequence[str]) -> int:
    """Measures, prints, keeps."""
    options = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.image:
        disk.enter_namespace(argv)
    environments = Environments(options.cache / "venvs")
    if options.install:
        install(environments)
    with disk.output(options.tmp, image=options.image) as work:
        run_all(options, environments, work)
    if options.write:
        known = results.load(options.results)
        text = table.document(known["cases"], known.get("facts", []))
        options.write.write_text(table.placed(options.write.read_text("utf-8"), text), "utf-8")
        print(f"\nwrote {options.write}")
    return 0


def run_all(options: argparse.Namespace, environments: Environments, work: Path) -> None:
    """Measures every case that was asked for, with outputs below WORK."""
    told, begun = facts(options, environments, work), set[str]()
    print("\n".join(told))
    added = [part for text in options.scraper_option for part in ("-o", text)]
    tools = Tools(environments, options.scraper, added)
    bench = Bench(tools, options.cache, work, options.scale, options.jobs, options.timeout)
    with closing(cases(bench, options)) as asked:  # type: ignore[type-var]
        for case in asked:
            measured = measure(bench, case, options)
            known = keep(options, told, measured, begun)
            print("\n" + table.table(measured, known["cases"]), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except Unavailable as error:
        sys.exit(f"bench: {error}")
