"""Dataclasses of which a fast run makes some for each file.

    from scraper.values import dataclass        instead of dataclasses.dataclass

A frozen dataclass sets each attribute by a call of `object.__setattr__`, which makes it three times as slow to make
as one that is not frozen. So here `frozen` is a promise that the type checker holds us to, and at run time only makes
the value hashable; a class whose `frozen` is to hold at run time uses the standard one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, **more: Any) -> Any:
        """As dataclasses.dataclass; `frozen` is held by the type checker alone."""
        return dataclasses.dataclass(unsafe_hash=frozen, **more)
