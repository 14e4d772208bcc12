"""A certificate, read whether it holds or not. Owns cryptography."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from scraper.probe.report import Certificate

MOST = 100
"""Names that are kept; some certificates are made out for hundreds."""


def read(der: bytes, now: datetime, words: Callable[[str], str]) -> Certificate | None:
    """What a certificate says of itself (RFC 5280); None where it cannot be read.

    Args:
        now: aware, by which the days are counted that are left.
        words: makes text from outside fit to be kept.
    """
    try:
        with warnings.catch_warnings():  # of what is odd in it, and no matter of the program
            warnings.simplefilter("ignore")
            return _read(der, now, words)
    except _UNREADABLE:
        return None


_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""Of cryptography's parser, which is stricter than OpenSSL's."""


def _read(der: bytes, now: datetime, words: Callable[[str], str]) -> Certificate:
    found = x509.load_der_x509_certificate(der)
    since, until = found.not_valid_before_utc, found.not_valid_after_utc
    return Certificate(
        words(found.subject.rfc4514_string()),
        tuple(map(words, _names(found)[:MOST])),
        words(found.issuer.rfc4514_string()),
        since.isoformat(),
        until.isoformat(),
        math.floor((until - now).total_seconds() / 86400),
        found.subject == found.issuer,
    )


def _names(found: x509.Certificate) -> list[str]:
    """The hosts and addresses that it is for; the common name where it says none, as it did before RFC 2818."""
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    names = extension.value
    assert isinstance(names, x509.SubjectAlternativeName)
    return [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]
