"""The words of an element: where blocks part them, and whose texts count. Knows no parser.

A parser walks an element's texts in the order of the page and puts a blank where a
block or `br` begins and where it ends; `words` folds what comes. The texts of a script,
a style, a template and of the signs above a ruby are those of that element alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from scraper.page.nodes import clean, fold

_BLOCKS = (
    "address article aside blockquote body br button caption center dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main nav ol optgroup option p pre section "
    "select summary table tbody td tfoot th thead title tr ul"
)
BLOCKS = frozenset(_BLOCKS.split())
"""Elements that a browser puts on lines or in cells of their own: the words beside them do not run together."""

APART = frozenset({"script", "style", "template", "rt", "rp"})
"""Elements whose texts are no text of those around them."""


def words(pieces: Iterable[str]) -> str:
    """The text that these pieces are: white space folded, and clean."""
    return clean(fold("".join(pieces)))
