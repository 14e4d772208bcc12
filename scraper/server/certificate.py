"""A certificate made on the spot, for tests and for an https server that nobody signed for. Owns cryptography.

It signs itself, so a client knows it only by the file: `curl --cacert FILE`, `http.verify: FILE` in a job,
`requests.get(url, verify=FILE)`. EC P-256, SHA-256, a year long, with the names and addresses of the server in
subjectAltName, the only place where clients look (RFC 9525 section 2).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scraper.server.tls import Certificate

_ALWAYS = ("localhost", "127.0.0.1", "::1")
_LENGTH = timedelta(days=365)
_BACK = timedelta(hours=1)  # before now: clocks differ


def self_signed(folder: Path, hosts: Iterable[str] = (), now: datetime | None = None) -> Certificate:
    """Writes `cert.pem` and `key.pem` (for this user only) into a folder.

    It holds for localhost, 127.0.0.1, ::1 and `hosts`, names or addresses, a year from `now` on.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(key, tuple(dict.fromkeys([*_ALWAYS, *hosts])), now or datetime.now(UTC))
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    made.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    return made


def _signed(key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scraper serve")])
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + _LENGTH)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _name(host: str) -> x509.GeneralName:
    """An address or a name; a name beyond ASCII in the form of DNS."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode("ascii"))
