"""Results as Markdown: pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.peers import PEERS
from bench.results import Measured, Result, Spread, ratio, spread

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
FULL = 0.9  # of the server's core
COSTS = {"MB/s": "CPU s/GB", "files/s": "CPU us/file", "URLs/s": "CPU us/URL", "pages/s": "CPU us/page"}
BUSY = 0.25  # cores that others may have used before the reader is told


def number(value: float) -> str:
    """At least three significant digits, no exponent, a space between thousands; whole numbers as they are."""
    if math.isinf(value):
        return "-"
    if value == round(value):
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ranged(values: Spread) -> str:
    """Median with its range."""
    if values.least == values.most:
        return number(values.middle)
    return f"{number(values.middle)} ({number(values.least)} to {number(values.most)})"


def rates(case: Measured, peer: str) -> list[float]:
    """The rate of each run."""
    return [result.rate(case.unit) for result in case.of(peer)]


def ideal(case: Measured, cases: Sequence[Measured]) -> float | None:
    """What can be reached: the case's bound; where a server's delay gives it, at most our own rate without delay."""
    if case.bound is None:
        return None
    own = [spread(rates(one, "scraper")).middle for one in cases if one.workload == "W1" and one.of("scraper")]
    return min([case.bound, *own]) if case.workload == "W2" else case.bound


def columns(case: Measured, best: float | None) -> list[str]:
    """The headings of a case's table."""
    extra = dict.fromkeys(name for result in case.results for name in result.extra)
    cost = COSTS[case.unit]
    share = ["of the ideal"] if best else []
    return ["program", case.unit, *share, *case.ours, cost, "peak MB", "seconds", "right", "wrong", *extra]


def row(case: Measured, peer: str, best: float | None) -> list[str]:
    """A program's line."""
    runs = case.of(peer)
    rate = spread(rates(case, peer))
    cells = [PEERS[peer].title if peer in PEERS else peer, ranged(rate)]
    if best:
        cells.append(f"{100 * rate.middle / best:.0f} %")
    cells += [compared(case, own, peer) for own in case.ours.values()]
    cells.append(number(spread(run.cost(case.unit) for run in runs).middle))
    cells.append(number(max(run.usage.peak for run in runs) / 1e6))
    cells.append(number(spread(run.usage.seconds for run in runs).middle))
    cells.append(f"{min(run.checked.right for run in runs)} of {case.total}")
    cells.append(str(max(run.checked.wrong for run in runs)))
    for name in columns(case, best)[len(cells) :]:
        known = [run.extra[name] for run in runs if name in run.extra]
        cells.append(ranged(spread(known)) if known else "-")
    return cells


def compared(case: Measured, own: str, peer: str) -> str:
    """A program of ours over another one."""
    found = ratio(rates(case, own), rates(case, peer))
    return "1" if peer == own else ranged(found) if found else "-"


def table(case: Measured, cases: Sequence[Measured] = ()) -> str:
    """The Markdown of one case."""
    best = ideal(case, cases or [case])
    lines = [columns(case, best), ["---"] * len(columns(case, best))]
    lines += [row(case, peer, best) for peer in case.peers()]
    rounds = max((len(case.of(peer)) for peer in case.peers()), default=0)
    text = [f"**{case.workload}: {case.title}.** {case.about}".rstrip() + f" {rounds} runs.", ""]
    text += [f"| {' | '.join(cells)} |" for cells in lines]
    notes = list(remarks(case, best))
    return "\n".join([*text, *(["", *notes] if notes else [])])


def remarks(case: Measured, best: float | None) -> list[str]:
    """What a reader must know beside the figures."""
    notes = [f"- {PEERS[peer].title}: {PEERS[peer].note}." for peer in case.peers() if PEERS[peer].note]
    notes += [f"- {PEERS[peer].title} left out: {why}." for peer, why in case.left_out.items()]
    cut = sorted({run.peer for run in case.results if run.usage.cut})
    notes += [f"- {PEERS[peer].title} was cut off when its time was up." for peer in cut]
    for peer in case.peers():
        if (share := spread(run.server for run in case.of(peer)).middle) > FULL:
            notes.append(f"- {PEERS[peer].title}: the server was the limit ({100 * share:.0f} % of its core).")
    if best:
        notes.append(f"- The ideal is {number(best)} {case.unit}.")
    if case.results and (others := spread(run.others for run in case.results).middle) > BUSY:
        notes.append(f"- The machine was not idle: other programs used {others:.1f} cores meanwhile (median).")
    return notes


def document(cases: Sequence[Measured], facts: Sequence[str]) -> str:
    """All tables, with what was measured on."""
    parts = ["\n".join(f"- {fact}" for fact in facts), *(table(case, cases) for case in cases)]
    return "\n\n".join(parts)


def placed(text: str, tables: str) -> str:
    """A document with the tables between its markers.

    Raises:
        ValueError: It has no markers.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} ... {END} in the document")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def line(unit: str, result: Result) -> str:
    """One run, for the terminal."""
    checked, usage = result.checked, result.usage
    extra = "".join(f", {name} {number(value)}" for name, value in result.extra.items())
    tail = f"  [{result.note}]" if result.note else ""
    return (
        f"  {result.round + 1}  {result.peer:17} {number(result.rate(unit)):>8} {unit}  {usage.seconds:7.2f} s  "
        f"CPU {number(result.cost(unit)):>7}  {usage.peak / 1e6:6.1f} MB  "
        f"{checked.right} right, {checked.wrong} wrong, {checked.missing} missing{extra}{tail}"
    )
