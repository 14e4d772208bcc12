"""What an ending means and what to do about it, in plain words: one table for all that tells people of a run. Pure.

`why`, the report and the last lines of a run say the same of the same ending. A status has its own row (`http:404`)
or that of its kind (`http:4xx`); the words name keys of a job as JOBS.md writes them, and commands without arguments:
who shows them knows the folder and the URL.
"""

from __future__ import annotations

from collections.abc import Mapping

from scraper.values import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """About one kind of ending.

    Attributes:
        what: what happened, a sentence.
        todo: what to do, a sentence or two; "" where nothing is to be done.
        again: whether a retry may bring it without anything being changed.
    """

    what: str
    todo: str = ""
    again: bool = False


ADVICE: Mapping[str, Advice] = {
    # -- what went well ------------------------------------------------------------------------------------
    "ok": Advice("The page was fetched and read."),
    "saved": Advice("The file was fetched whole and has its final name."),
    "unchanged": Advice("The server was asked and said that what is here is still the same."),
    # -- what was left out on purpose ----------------------------------------------------------------------
    "skipped:exists": Advice(
        "The file is there from an earlier run, and the job does not ask whether it changed.",
        "Nothing. To ask the server each time, set files.existing: check.",
    ),
    "skipped:robots": Advice(
        "robots.txt of the site does not allow it, or could not be had.",
        "Nothing, where the site is to be respected. What you may have all the same is named in start,"
        " or asked with polite.robots: ignore.",
    ),
    "skipped:outside": Advice(
        "The link leads to where the rule does not follow: another host, a denied URL, or too deep.",
        "If it is wanted, widen the rule's follow: same, allow, deny or depth.",
    ),
    "skipped:private": Advice(
        "A public page or server led to an address of a private network; such links are not followed.",
        "If it is your own host, name its URL in start or http.origins.",
    ),
    "skipped:size": Advice(
        "The file is outside the bounds of size or dimensions that the job accepts.",
        "If it is wanted, widen files.accept (min_bytes, max_bytes, min_width, ...).",
    ),
    "skipped:duplicate": Advice("It is the same as another page that is read, and was left for that one."),
    "skipped:limit": Advice(
        "The run had reached the number of --limit, or of pages that a rule may read.",
        "Run without --limit, or raise the bound of the rule (depth, max_pages).",
    ),
    "skipped:dry run": Advice("The run was dry: it told what would be fetched.", "Run without --dry-run."),
    # -- the way to the server -----------------------------------------------------------------------------
    "failed:dns": Advice(
        "The host name has no address.",
        "Check the name in the URL and that this machine's DNS works; retry if the site was away.",
        again=True,
    ),
    "failed:connect": Advice(
        "No connection: the server refused it, cannot be reached, or hung up before the request.",
        "See whether the server is up (scraper probe URL), then retry.",
        again=True,
    ),
    "failed:timeout": Advice(
        "The server did not answer in time.",
        "Retry when it is less busy; or give it more time (http.timeout.connect, read) or less work (polite.per_host).",
        again=True,
    ),
    "failed:stalled": Advice(
        "The answer began, then came too slowly or stopped.",
        "Retry: a file goes on where it stopped if the server allows it. Slow servers need http.timeout.read or slowest.",  # noqa: E501
        again=True,
    ),
    "failed:tls": Advice(
        "The certificate or the handshake of https was refused.",
        "Look at it with scraper probe URL. A CA of your own goes into http.verify as the path of its bundle.",
    ),
    "failed:proxy": Advice(
        "The proxy failed, or would not open the way to this server.",
        "Check http.proxies (or the proxy variables of the environment) and its password, then retry.",
        again=True,
    ),
    # -- what the server said ------------------------------------------------------------------------------
    "failed:http:401": Advice(
        "The server wants to know who asks (401).",
        "Give http.auth or a login; if there is one, check its password and that it covers this host.",
    ),
    "failed:http:403": Advice(
        "The server refuses (403).",
        "Log in if it is for members; pictures often want a Referer (files.headers). If it means to keep robots out,"
        " go slower, or leave it.",
    ),
    "failed:http:404": Advice(
        "There is no such page or file (404).",
        "Look at the page that links it: the link may be dead there too. If all fail, a template in the job is wrong.",
    ),
    "failed:http:407": Advice("The proxy wants a password (407).", "Put user and password into http.proxies."),
    "failed:http:410": Advice("It was there and is gone for good (410).", "Nothing: the source took it away."),
    "failed:http:429": Advice(
        "The server said: too many requests (429), until all attempts were used.",
        "Go slower (polite.delay, polite.per_host), then retry.",
        again=True,
    ),
    "failed:http:503": Advice(
        "The server is overloaded or being mended (503), until all attempts were used.",
        "Retry later; if it happens often, go slower (polite.delay, polite.per_host).",
        again=True,
    ),
    "failed:http:3xx": Advice(
        "The server answered with a redirect that is not followed.",
        "Allow redirects (http.allow_redirects), or write the URL that it leads to.",
    ),
    "failed:http:4xx": Advice(
        "The server refused the request as wrong.",
        "Compare the request with what a browser sends: method, params, headers, cookies.",
    ),
    "failed:http:5xx": Advice(
        "The server failed, until all attempts were used.",
        "Retry later. If only some requests fail, look at what they ask for.",
        again=True,
    ),
    "failed:http": Advice("The server answered with a status that is no success.", "Open the URL in a browser."),
    "failed:redirect": Advice(
        "The redirects lead in a circle, are too many, or lead where none may be followed.",
        "Open the URL in a browser; a cookie or a login is often what is missing.",
    ),
    "failed:busy": Advice(
        "The host asks to wait longer than six hours.",
        "Retry tomorrow, and go slower (polite.delay).",
        again=True,
    ),
    # -- what came -----------------------------------------------------------------------------------------
    "failed:protocol": Advice(
        "What came is not whole HTTP: the connection broke in the middle, or the server talks nonsense.",
        "Retry. If it stays so, scraper probe URL shows what the server sends.",
        again=True,
    ),
    "failed:length": Advice(
        "Fewer or more bytes came than the server had said.",
        "Retry: nothing that is cut is ever kept. If it stays so, the server counts wrongly.",
        again=True,
    ),
    "failed:encoding": Advice(
        "The compressed answer is corrupt or was cut.",
        "Retry. If it stays so, ask for it uncompressed: http.headers: {Accept-Encoding: identity}.",
        again=True,
    ),
    "failed:digest": Advice(
        "The file does not have the checksum that the source names.",
        "Retry once; if it stays so, the checksum or the file at the source is wrong. Nothing of it was kept.",
        again=True,
    ),
    "failed:type": Advice(
        "Something else came than what was asked for; often an error page in the place of a file.",
        "Open the URL: it may need a login or a Referer. If the type is right, add it to files.accept.types"
        " or the rule's read.",
    ),
    "failed:shape": Advice(
        "The page is not as its rule describes it: a required field, the list, or what expect names is missing.",
        "The site may have changed: compare the page with the rule's selectors (scraper record and test keep"
        " such a page).",
    ),
    "failed:limit": Advice(
        "A cap was reached: the page is too large, unpacks to too much, or has too many headers.",
        "If it is what you want, fetch it as a file; pages have a bound that protects the memory.",
    ),
    # -- this machine --------------------------------------------------------------------------------------
    "failed:disk": Advice(
        "The file system refused this file: its name, its rights, or no room.",
        "Read the message, make room or mend the rights of the folder, then retry.",
        again=True,
    ),
    "failed:name": Advice(
        "Something stands under this name already, and the job says not to touch it.",
        "Move it away, or set files.existing: skip, check or overwrite; or make files.path tell the files apart.",
    ),
}
"""By ending; `http:4xx` and its like stand for the statuses without a row."""

OF_RUNS: Mapping[tuple[str, str], Advice] = {
    ("adopt", "saved"): Advice("A file that lay there already was taken as this one; nothing was downloaded."),
    ("adopt", "skipped:exists"): Advice("Something stands under its name already, and was left as it is."),
    ("adopt", "skipped:limit"): Advice(
        "Nothing that lay there could be taken as this file, and adopt downloads nothing.",
        "Nothing: the next scraper run fetches it.",
    ),
    ("retry", "saved"): Advice("A retry fetched the file whole, and it has its final name."),
    ("retry", "ok"): Advice("A retry fetched the page, and it was read."),
    ("repair", "saved"): Advice("It was damaged, and scraper verify --repair fetched it whole again."),
}
"""What is said otherwise of files and pages that a run of its own met: by its kind and the ending."""

UNKNOWN = Advice("It ended in a way that has no description here.", "Read the message, and the run's log.jsonl.")


def advice_for(ending: str, run: str = "run") -> Advice:
    """What is to be said of an ending of DESIGN 3, or of a class alone (`timeout`, `http:404`); never fails.

    Args:
        run: the kind of the run (state/schema.py).
    """
    known = OF_RUNS.get((run, ending)) or ADVICE.get(ending) or ADVICE.get(f"failed:{ending}")
    if known is not None:
        return known
    head, _, status = ending.removeprefix("failed:").partition(":")
    if head == "http":
        return ADVICE.get(f"failed:http:{status[:1]}xx", ADVICE["failed:http"])
    return UNKNOWN
