"""`notify`: the end of a run is told to a webhook, or to a service that Apprise knows (services.py).

A webhook gets a POST of JSON: the summary, with one sentence of it as `text` (Slack, Mattermost, Rocket.Chat) and as
`content` (Discord), so that these need no program between. Who does not take it is asked again twice. Whether it
succeeds is told in the log and changes nothing. The job named the URL, so a private address is fine; what is logged
of it is its host, for the rest of it is a secret wherever it is one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from scraper import errors, secrets, urls
from scraper.job import template
from scraper.job.fields import Fields
from scraper.model import Summary
from scraper.run import services
from scraper.run.headline import headline
from scraper.run.kit import Kit

log = logging.getLogger("scraper")
TIMEOUT = 10.0
"""Seconds."""
WAITS = (1.0, 4.0)
"""Seconds before each further attempt."""
PATIENCE = 90.0
"""Seconds for all of it. A server that answers a byte at a time would hold the run, and its folder, for ever."""


def tell(kit: Kit, summary: Summary, folder: Path, sleep: Callable[[float], None] = time.sleep) -> None:
    """Tells all whose `when` holds.

    Args:
        folder: of the run.
    """
    told = secrets.display_all(summary.as_dict())
    names = {**kit.names, "summary": Fields(told, name="summary")}
    for at, notice in enumerate(kit.job.notify):
        try:
            if notice.when is not None and not template.is_true(notice.when, names):
                continue
            url = secrets.reveal(template.render_text(notice.url, names), kit.courier.known.__getitem__)
            _in_time(partial(_send, url, payload(kit, summary, folder), sleep))
        except template.TemplateError as error:
            log.warning("notify[%d] was not sent: %s", at, error)
        except errors.RequestError as error:
            log.warning("notify[%d] failed: %s: %s", at, error.url, error.message)
        except TimeoutError:
            log.warning("notify[%d] failed: it was not taken within %g s", at, PATIENCE)
        else:
            log.info("notify[%d] was sent", at)


def payload(kit: Kit, summary: Summary, folder: Path) -> dict[str, Any]:
    """What a webhook is told."""
    text = headline(summary)
    report = folder.absolute() / "report.html"
    return {
        "text": text,
        "content": text,
        **secrets.display_all(summary.as_dict()),
        "host": os.uname().nodename,
        "dest": str(kit.disk.root.absolute()),
        "report": str(report) if report.exists() else None,
    }


def _in_time(send: Callable[[], None]) -> None:
    """Sends in a thread that is left behind when its time is over.

    Raises:
        TimeoutError: it is.
    """
    done: Future[None] = Future()

    def work() -> None:
        try:
            send()
        except BaseException as error:  # whatever it is, who waits is told
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=work, name="notify", daemon=True).start()
    done.result(PATIENCE)


def _send(url: str, told: Mapping[str, Any], sleep: Callable[[float], None]) -> None:
    if not urls.is_http(url):
        services.tell(url, str(told["text"]))
        return
    from scraper.net.session.webhook import post_json

    for wait in (*WAITS, None):
        try:
            post_json(url, told, timeout=TIMEOUT)
        except errors.RequestError as error:
            if wait is None or error.final or not _may_pass(error):
                raise
            log.info("notify: %s: %s; again in %g s", error.url, error.message, wait)
            sleep(wait)
        else:
            return


def _may_pass(error: errors.RequestError) -> bool:
    """Whether another attempt may bring more: a refusal stays one."""
    return not isinstance(error, errors.StatusError) or error.status == 429 or error.status >= 500
