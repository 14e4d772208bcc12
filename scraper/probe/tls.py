"""TLS by hand: what is negotiated, which versions are taken, and whether the certificate holds, and why not.

    Handshakes(road, host, verify, cert).report(patience, now, words) -> Tls, Trouble | None

The first handshake is as the requests session makes it, so its verdict is a run's; where it fails by the certificate,
another one is made that checks nothing, to read it. A handshake runs over any stream (`shake`), also over one that is
TLS itself, as with a proxy that is spoken to over TLS.
"""

from __future__ import annotations

import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from scraper.probe import certificate, sockets, words
from scraper.probe.patience import Patience
from scraper.probe.report import Tls, Trouble
from scraper.probe.road import Road, Stream, TunnelError, ssl_name

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "ETIMEDOUT"})
_OURS = frozenset({"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"})
_PIECE = 16 * 1024
_NO_PASSWORD: Any = {"password": ""}  # without one OpenSSL would ask the terminal


class ShakeError(Exception):
    """A handshake failed.

    Attributes:
        error: how; flights: how often we spoke: from the second time on the server had taken our version.
    """

    def __init__(self, error: ssl.SSLError | OSError, flights: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.flights = flights


class OurCertificateError(Exception):
    """The certificate that the job names cannot be used, or the authorities that it trusts."""


class TlsStream:
    """A stream over TLS over a stream."""

    def __init__(self, stream: Stream, tls: ssl.SSLObject, into: ssl.MemoryBIO, out: ssl.MemoryBIO) -> None:
        self._stream, self.tls = stream, tls
        self._into, self._out = into, out
        self._until: float | None = None

    def sendall(self, data: bytes, /) -> None:
        """Sends all of it."""
        self.tls.write(data)
        self._stream.sendall(self._out.read())

    def recv(self, size: int, /) -> bytes:
        """What came; b"": it has ended."""
        while True:
            try:
                return self.tls.read(size)
            except ssl.SSLWantReadError:
                if self._until is not None:  # a record may come byte by byte
                    self._stream.settimeout(max(0.001, self._until - time.monotonic()))
                if not (data := self._stream.recv(_PIECE)):
                    return b""
                self._into.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def settimeout(self, seconds: float | None, /) -> None:
        """What the next call may take."""
        self._until = None if seconds is None else time.monotonic() + seconds
        self._stream.settimeout(seconds)

    def close(self) -> None:
        """Hangs up."""
        self._stream.close()


def shake(stream: Stream, context: ssl.SSLContext, name: str, patience: Patience) -> TlsStream:
    """A handshake over a stream.

    Raises:
        ShakeError: it did not come to its end, also in time.
    """
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_hostname=name.partition("%")[0])
    until, flights = patience.clock() + patience.connecting, 0
    try:
        while True:
            done = _step(tls, stream, out)
            if data := out.read():
                flights += 1
                stream.sendall(data)
            if done:
                return TlsStream(stream, tls, into, out)
            if (left := until - patience.clock()) <= 0:
                raise TimeoutError
            stream.settimeout(left)
            if data := stream.recv(_PIECE):
                into.write(data)
            else:
                into.write_eof()
    except OSError as error:  # ssl.SSLError is one
        raise ShakeError(error, flights) from error


def _step(tls: ssl.SSLObject, stream: Stream, out: ssl.MemoryBIO) -> bool:
    """As far as it goes with what came; whether it is done."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError as error:
        if (alert := out.read()) and not isinstance(error, ssl.SSLEOFError):
            stream.sendall(alert)
        raise
    return True


def verifying(verify: bool | str) -> ssl.SSLContext:
    """A context as the requests session has it: `verify` as outgoing.verify.

    Raises:
        OurCertificateError: what it names is no certificate.
    """
    import certifi
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    trusted = verify if isinstance(verify, str) else certifi.where()
    try:
        context.load_verify_locations(**{"capath" if Path(trusted).is_dir() else "cafile": trusted})
    except OSError as error:
        raise OurCertificateError(str(error)) from error
    return context


def trusting() -> ssl.SSLContext:
    """One that takes any certificate, and any version and cipher that OpenSSL knows here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with _old_versions():
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


@contextmanager
def _old_versions() -> Iterator[None]:
    """The module ssl warns of them; whether a server takes them is just what is asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class _Shaken(NamedTuple):
    version: str | None
    cipher: str | None
    der: bytes | None
    seconds: float


class Handshakes:
    """All that one server is asked about TLS.

    Args:
        host: whose name the certificate should bear.
        verify: as outgoing.verify; cert: as outgoing.cert, where this server may see it.
    """

    def __init__(self, road: Road, host: str, verify: bool | str, cert: str | tuple[str, str] | None) -> None:
        self._road, self._host = road, host
        self._verify = verify
        self._cert = (cert,) if isinstance(cert, str) else cert

    def report(self, patience: Patience, now: datetime, text: Callable[[str], str]) -> tuple[Tls, Trouble | None]:
        """Makes the handshakes: one or two, then one for each version that is not known yet.

        Raises:
            OSError, TunnelError: the way to the server is not open any more.
            OurCertificateError: what the job names is no certificate.
        """
        shaken, why, given = None, None, patience.connecting
        try:
            shaken = self._shake(verifying(self._verify), patience)
        except ShakeError as failed:
            why = trouble_of(failed, given)
            if isinstance(failed.error, ssl.SSLCertVerificationError):
                shaken = self._shaken_anyhow(patience)
            elif why.name in _NO_TLS:
                return Tls(why=why.message, checked=self._verify is not False), why
        found = None if shaken is None or shaken.der is None else certificate.read(shaken.der, now, text)
        told = Tls(
            version=shaken and shaken.version,
            cipher=shaken and shaken.cipher,
            seconds=shaken and shaken.seconds,
            versions=self._versions(patience, shaken and shaken.version),
            certificate=found,
            verified=why is None,
            why=None if why is None else why.message,
            checked=self._verify is not False,
        )
        is_held = why is None or (shaken is not None and self._verify is False)
        return told, None if is_held else why

    def _shake(self, context: ssl.SSLContext, patience: Patience) -> _Shaken:
        if self._cert is not None:
            try:
                context.load_cert_chain(*self._cert, **_NO_PASSWORD)
            except OSError as error:
                raise OurCertificateError(str(error)) from error
        began = patience.clock()
        stream = self._road.open(patience)
        try:
            tls = shake(stream, context, self._host, patience).tls
            cipher = tls.cipher()
            return _Shaken(tls.version(), cipher and cipher[0], tls.getpeercert(True), patience.clock() - began)
        finally:
            sockets.closed(stream)

    def _shaken_anyhow(self, patience: Patience) -> _Shaken | None:
        try:
            return self._shake(trusting(), patience)
        except (ShakeError, OSError, TunnelError):
            return None

    def _versions(self, patience: Patience, known: str | None) -> dict[str, str]:
        return {
            name: "taken" if known == _name_of(version) else self._takes(version, patience)
            for name, version in VERSIONS.items()
        }

    def _takes(self, version: ssl.TLSVersion, patience: Patience) -> str:
        """`taken`, `refused`, or `unknown` and why."""
        context = trusting()
        try:
            with _old_versions():
                context.minimum_version = context.maximum_version = version
        except ValueError:
            return "unknown: the OpenSSL here cannot ask"
        if patience.is_over:
            return "unknown: no time was left"
        try:
            self._shake(context, patience)
        except ShakeError as failed:
            name = ssl_name(failed.error)
            if name in _OURS:
                return "unknown: the OpenSSL here cannot ask"
            if name == "ETIMEDOUT":
                return "unknown: no answer in time"
            return "taken" if failed.flights > 1 else "refused"
        except (OSError, TunnelError):
            return "unknown: no connection any more"
        return "taken"


def _name_of(version: ssl.TLSVersion) -> str:
    """As SSLObject.version() calls it."""
    return {"TLSv1_1": "TLSv1.1", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}.get(version.name, version.name)


def trouble_of(failed: ShakeError, seconds: float) -> Trouble:
    """What a handshake failed by; `seconds` is what it was given."""
    if isinstance(failed.error, ssl.SSLCertVerificationError):
        return words.of_verify(failed.error.verify_code, failed.error.verify_message)
    return words.of_handshake(ssl_name(failed.error), seconds, str(failed.error))
