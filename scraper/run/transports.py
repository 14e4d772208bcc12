"""Who fetches the files: libcurl, unless the job says otherwise or it cannot be had.

What a job demands and this machine has not is a mistake of the job, told before anything
is fetched. With `auto` requests serves in libcurl's place, with one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scraper.net.courier import Courier
from scraper.net.transport import Transport
from scraper.run.open_files import granted

if TYPE_CHECKING:
    from scraper.job.model import Job

log = logging.getLogger("scraper")


def mistakes(job: Job) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the job demands and this machine cannot do, and the place of each in the job."""
    version, transport = job.http.version, job.files.transport
    if transport == "requests" or (transport == "auto" and version == "1.1"):
        return
    lacking = _lacking()
    if lacking is None:
        from scraper.net.curl import offer

        if not offer.offers(version):
            yield ("http", "version"), f"{offer.named()} does not speak HTTP/{version}; leave `version` out, for 1.1"
    elif transport == "curl":
        yield ("files", "transport"), f"{lacking}; install pycurl, or write `transport: auto`"
    else:
        yield ("http", "version"), f"HTTP/{version} takes libcurl: {lacking}; install pycurl, or leave `version` out"


def transport_for(job: Job, courier: Courier) -> Transport:
    """How files are fetched; warns where it is not by libcurl for lack of it, or by fewer at once than the job says."""
    jobs = granted(job.files.jobs)
    lacking = _lacking() if job.files.transport != "requests" else ""
    if lacking is None:
        from scraper.net.curl import CurlTransport

        return CurlTransport(courier.outgoing, jobs, rate=courier.rate, clock=courier.clock)
    if lacking:
        log.warning("%s: files are fetched through requests, several times slower", lacking)
    from scraper.net.session.threads import RequestsTransport

    return RequestsTransport(courier.outgoing, courier.session, jobs, clock=courier.clock)


def _lacking() -> str | None:
    """Why libcurl cannot be used here; None where it can."""
    try:
        import scraper.net.curl  # noqa: F401 - it asks what there is
    except ImportError as error:
        return f"pycurl cannot be used ({error})"
    return None
