"""Charts as SVG, drawn here: bars and nothing else. Pure.

A chart stretches to the width it has (`preserveAspectRatio="none"`), so no text stands in it: what its axes say is
HTML around it, and stays readable on a telephone. Colours are classes (style.py), for light and dark and paper. Each
is an image with a name that says what is to be seen; bars in a table only repeat the number beside them and are
hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence

from scraper.report.markup import Safe, joined, tag

_HEIGHT = 100


def columns(values: Sequence[float], told: str, *, kind: str = "") -> Safe:
    """Columns side by side; `told`: the chart in words; `kind`: a class of style.py."""
    most = max(values, default=0) or 1
    drawn = joined(_column(at, value / most) for at, value in enumerate(values) if value)
    return tag(
        "svg", drawn, role="img", aria_label=told, class_=f"columns {kind}".strip(),
        viewBox=f"0 0 {10 * len(values)} {_HEIGHT}", preserveAspectRatio="none",
    )  # fmt: skip


def _column(at: int, share: float) -> Safe:
    """At least as high as can be seen: little is not nothing."""
    height = max(1.5, _HEIGHT * share)
    return tag("rect", x=10 * at + 1, y=_number(_HEIGHT - height), width=8, height=_number(height))


def bar(share: float, *, kind: str = "") -> Safe:
    """A bar that goes as far as its share of the whole width (0 to 1)."""
    width = _number(max(0.5, 100 * share)) if share > 0 else 0
    drawn = tag("rect", x=0, y=0, width=width, height=10)
    return tag(
        "svg", drawn, class_=f"bar {kind}".strip(), viewBox="0 0 100 10", preserveAspectRatio="none",
        aria_hidden="true",
    )  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
