"""A tape as a file: a WARC (ISO 28500), written by `TapeWriter`, read by `Tape`; any other WARC can be read as well."""

from __future__ import annotations

from scraper.errors import TapeError
from scraper.tape.reading import Tape
from scraper.tape.writing import TapeWriter

__all__ = ["Tape", "TapeError", "TapeWriter"]
