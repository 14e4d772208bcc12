"""`files`: the downloads of a match (JOBS.md, Files).

Each spec finds or builds URLs; each URL gets its names, its path, its key. A file that
cannot be named or asked for is a Failure and the others go on. Two matches that are the
same item share a Shelf: their files are counted together, and none is handed on twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scraper import urls
from scraper.files import naming
from scraper.job.model import DIGESTS, FileSpec
from scraper.job.template import Fields, PathText, TemplateError, render, render_all, render_path, render_text
from scraper.model import Download, Failure
from scraper.page import links
from scraper.page.match import Match
from scraper.page.nodes import as_text

_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


@dataclass(slots=True)
class Shelf:
    """The files of one item so far: their URLs, and how often each key was given."""

    urls: set[str] = field(default_factory=set)
    keys: dict[str, int] = field(default_factory=dict)

    def numbered(self, key: str) -> str:
        """The key, with `-2`, `-3` where this item has files of that key already."""
        self.keys[key] = self.keys.get(key, 0) + 1
        return key if self.keys[key] == 1 else f"{key}-{self.keys[key]}"


@dataclass(frozen=True, slots=True)
class _Source:
    """A file's URL, what `file.*` holds, whether the page gave it, and the type that it promises with it."""

    url: str
    fields: Mapping[str, Any]
    found: bool
    promised: str | None = None


class _RefusedError(Exception):
    """A file that is not handed on, and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def downloads(match: Match, item_key: str | None, shelf: Shelf) -> Iterator[Download | Failure]:
    """The files of a match, spec by spec, in the order of the page."""
    for spec in match.sheet.rule.file_specs:
        try:
            yield from _of_spec(match, spec, item_key, shelf)
        except TemplateError as error:
            yield match.sheet.failure("files", f"{error} on {match.sheet.page.url}")


def _of_spec(match: Match, spec: FileSpec, item_key: str | None, shelf: Shelf) -> Iterator[Download | Failure]:
    when = spec.when
    is_per_file = when is not None and match.sheet.in_match(when).is_built
    if not is_per_file and not match.holds(when):
        return
    known = match.names
    for source in _sources(match, spec):
        if not urls.is_http(source.url):
            yield match.sheet.failure("files", f"{source.url!r} is not an http or https URL")
        elif (same := urls.canonical(source.url)) not in shelf.urls:
            names = _names(known, source, len(shelf.urls) + 1)
            if is_per_file and not match.holds(when, match.sheet.document.scope(names)):
                continue
            shelf.urls.add(same)
            yield _download(match, spec, source, names, item_key, shelf)


def _sources(match: Match, spec: FileSpec) -> Iterator[_Source]:
    """The URLs of a spec; one with neither `select` nor `url` means the page's own (a row's)."""
    if spec.select is not None:
        yield from _selected(match, spec.select)
    else:
        made = match.sheet.page.url if spec.url is None else render(spec.url, match.names)
        yield from (_made(match, one) for one in (made if isinstance(made, list) else [made]) if one)


def _made(match: Match, url: Any, fields: Mapping[str, Any] | None = None) -> _Source:
    joined = urls.join(match.sheet.document.base, urls.text(url))
    return _Source(match.sheet.concealed(urls.without_fragment(joined)), fields or {}, False)


def _selected(match: Match, selector: Any) -> Iterator[_Source]:
    compiled = match.sheet.in_match(selector)
    for found in compiled.every(match.node, match.scope):
        link = links.source(found)
        if link is not None and compiled.is_built:
            yield _made(match, link, match.sheet.concealed(links.file_fields(found)))
        elif link is not None and (url := links.resolve(match.sheet.document.base, link)):
            hidden = match.sheet.concealed
            is_found = not match.sheet.is_row
            yield _Source(hidden(url), hidden(links.file_fields(found)), is_found, links.promised(found))


def _names(known: Mapping[str, Any], source: _Source, index: int) -> dict[str, Any]:
    """What the templates of one file may use, over what those of its match do."""
    parts = naming.url_name(source.url)
    return {
        **known,
        "file": Fields(source.fields, lenient=True, name="file"),
        "index": index,
        "url": source.url,
        "host": parts.host,
        "dir": PathText(parts.dir),
        "filename": parts.filename,
        "stem": parts.stem,
        "ext": parts.ext,
    }


def _download(
    match: Match, spec: FileSpec, source: _Source, names: dict[str, Any], item_key: str | None, shelf: Shelf
) -> Download | Failure:
    sheet = match.sheet
    template = spec.path or sheet.settings.path
    try:
        return Download(
            url=source.url,
            key=urls.canonical(source.url) if spec.key is None else _key(match, spec.key, names, shelf),
            path=_path(match, template, names),
            item_key=item_key,
            rule=sheet.rule_name,
            place=(*match.place, names["index"]),
            keyed=spec.key is not None,
            template=naming.digest_of(template),
            headers=_headers(match, spec, names),
            accept=spec.accept.model_dump(exclude_none=True) if spec.accept is not None else None,
            digests=_digests(match, spec, names),
            promised=source.promised,
            found=source.found,
            via_public=not sheet.page.private,
            found_on=None if sheet.is_row else sheet.page.url,
        )
    except _RefusedError as refused:
        return refused.failure


def _refused(match: Match, where: str, message: object, name: str = "name") -> _RefusedError:
    return _RefusedError(match.sheet.failure(f"files.{where}", str(message), name))


def _path(match: Match, template: str, names: Mapping[str, Any]) -> str:
    try:
        rendered = match.sheet.concealed(render_path(template, names))
    except TemplateError as error:
        raise _refused(match, "path", f'"{template}": {error}, for {names["url"]}') from error
    return naming.safe_path(rendered, records_name=match.sheet.records_name)


def _key(match: Match, template: str, names: Mapping[str, Any], shelf: Shelf) -> str:
    try:
        key = match.sheet.concealed(render_text(template, names))
    except TemplateError as error:
        raise _refused(match, "key", f'"{template}": {error}, for {names["url"]}') from error
    if not key:
        raise _refused(match, "key", f'"{template}" gave nothing for {names["url"]}')
    return shelf.numbered(key)


def _headers(match: Match, spec: FileSpec, names: Mapping[str, Any]) -> Mapping[str, Any] | None:
    try:
        return None if spec.headers is None else dict(render_all(spec.headers, names))
    except TemplateError as error:
        raise _refused(match, "headers", f"{error}, for {names['url']}", "shape") from error


def _digests(match: Match, spec: FileSpec, names: Mapping[str, Any]) -> dict[str, str]:
    """The digests the source promises, in lower case; one that finds nothing is not checked."""
    found: dict[str, str] = {}
    for name in DIGESTS:
        selector = getattr(spec, name)
        if selector is not None and (digest := _digest(match, name, selector, names)):
            found[name] = digest
    return found


def _digest(match: Match, name: str, selector: Any, names: Mapping[str, Any]) -> str:
    try:
        value = match.sheet.in_match(selector).first(match.node, match.sheet.document.scope(names))
    except TemplateError as error:
        raise _refused(match, name, f"{error}, for {names['url']}", "shape") from error
    digest = as_text(value).strip().strip('"').lower().removeprefix(f"{name}:")
    if digest and not re.fullmatch(f"[0-9a-f]{{{_HEX_DIGITS[name]}}}", digest):
        raise _refused(match, name, f"{digest[:80]!r} is no {name} digest, for {names['url']}", "digest")
    return digest
