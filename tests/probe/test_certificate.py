"""A certificate, read whatever it is."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scraper.probe import certificate
from scraper.probe.report import Certificate


def der_of(certs: Path, name: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert((certs / f"{name}.pem").read_text())


def test_it_says_for_whom_by_whom_and_how_long(certs: Path) -> None:
    found = certificate.read(der_of(certs, "other"), datetime.now(UTC), str.upper)
    assert found is not None
    assert (found.subject, found.issuer, found.names) == ("CN=OTHER", "CN=CA", ("OTHER.EXAMPLE", "192.0.2.7"))
    assert (found.days, found.self_signed) == (30, False)


def test_without_alternative_names_the_common_name_counts(certs: Path) -> None:
    found = certificate.read(der_of(certs, "ca"), datetime.now(UTC), str)
    assert found is not None
    assert (found.names, found.self_signed) == (("ca",), True)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_a_broken_one_is_read_or_it_is_not(certs: Path, data: st.DataObject) -> None:
    der = bytearray(der_of(certs, "server"))
    for at in data.draw(st.lists(st.integers(0, len(der) - 1), max_size=4)):
        der[at] = data.draw(st.integers(0, 255))
    found = certificate.read(bytes(der), datetime.now(UTC), str)
    assert found is None or isinstance(found, Certificate)
