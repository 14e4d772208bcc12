"""How what goes wrong with a file is told: as the RequestError that it ends with."""

from __future__ import annotations

from scraper import errors, secrets
from scraper.net.answer import Answer
from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble

NO_LIMIT = 1 << 62
"""A file is bounded by the disk, not by us."""


def decoder(answer: Answer) -> Decoder:
    """For the content encoding of an answer.

    Raises:
        EncodingError: nobody knows it.
    """
    try:
        return Decoder(answer.headers["content-encoding"], NO_LIMIT)
    except EncodingTrouble as error:
        raise encoding(answer.url, error) from error


def encoding(url: str, error: EncodingTrouble) -> errors.RequestError:
    """A body that cannot be decoded."""
    return (errors.LimitError if isinstance(error, LimitTrouble) else errors.EncodingError)(url, str(error))


def told(url: str, error: OSError) -> errors.WriteError:
    """What the file system refuses for one file is that file's failure; a full disk goes up (DiskError)."""
    return errors.WriteError(secrets.display(url), f"{error.filename or 'the file'}: {error.strerror}")
