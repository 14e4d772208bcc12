"""A form of a page -> the Request that a browser would send (HTML 4.10.21). Pure; knows no parser.

    form_request(found, page, document, data) -> Request

The controls of a form are those in it and those that name it (`form=`), in the order of
the page. Each gives no, one or many entries (HTML 4.10.21.4): what is disabled, unchecked,
nameless, or in a template or datalist gives none, and a button only if `data` names it.
Then `data` is laid over: null leaves a field out, a list repeats it, and what takes a
field's place stands where it stood; a new one comes last. The entries become the query
of the action (get) or a body (post), as text: so their order and repetitions stand, and
what goes out is the same whatever sends it. Marks of secrets stay marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus, urldefrag, urlsplit, urlunsplit

from scraper import secrets, urls
from scraper.job.fields import is_template
from scraper.job.template import render_all, render_text
from scraper.model import Page, Request
from scraper.page.charset import codec_of, decode_html
from scraper.page.controls import BREAK, Control, Data, Entry, NoFile, around, is_disabled, is_in, laid_over, texts
from scraper.page.document import Document
from scraper.page.nodes import Element

UTF8 = "UTF-8"
URLENCODED, MULTIPART, PLAIN = "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"
_CONTROLS = ("button", "input", "select", "textarea")
_TABLE = frozenset(["table", "tbody", "tfoot", "thead", "tr"])


class FormError(ValueError):
    """What was found cannot be sent; the message is for the writer of the job."""


def rendered(data: Data, names: Mapping[str, Any]) -> dict[str, Any]:
    """`data` of a form, rendered; null, written or made by a template, stays: it leaves the field out.

    Raises:
        TemplateError: a template in it cannot be rendered.
    """
    keys = [render_text(key, names) if is_template(key) else key for key in data]
    return {**dict.fromkeys(keys), **render_all(data, names)}


def form_request(found: Any, page: Page, document: Document, data: Data) -> Request:
    """The request that sends a form.

    Args:
        found: the form's element, or one in it.
        page, document: the page that it stands on.
        data: laid over its fields, rendered.

    Raises:
        FormError: no form is there, or its action is no http(s) URL.
    """
    form = _form_of(found)
    controls = [Control(each, each.attributes) for each in _owned(form, document.root)]
    submitter = _submitter(controls, data)
    says = _says(form, submitter)
    is_post, enctype = says("method").strip().lower() == "post", says("enctype").strip().lower()
    charset = _charset(form.attributes.get("accept-charset"), page, is_post and enctype == MULTIPART)
    entries = [*laid_over(controls, submitter, data, charset)]
    url = _action(says("action"), page, document)
    if not is_post:
        return _sent("GET", _with_query(url, _urlencoded(entries, charset)), page)
    body, kind = _ENCODERS.get(enctype, _as_urlencoded)(entries, charset)
    return _sent("POST", url, page, data=body, kind=kind)


def _sent(method: str, url: str, page: Page, data: str | None = None, kind: str | None = None) -> Request:
    """Browsers say where the form stood, its path only to its own origin (Referrer Policy 3.8); many a CSRF check asks.

    Like every header it goes to home origins alone.
    """
    origin = urls.origin(page.url)
    own = urls.without_userinfo(urldefrag(page.url).url) if urls.origin(url) == origin else urls.canonical(origin)
    headers = {"Referer": own}
    if kind is not None:
        headers["Content-Type"] = kind
    return Request(method, url, data=data, headers=headers, homebound=True)


def merged_headers(own: Mapping[str, Any] | None, made: Request) -> dict[str, Any]:
    """The headers of a form's request under those that the job gives; those that describe its body stay its own."""
    given = {name: value for name, value in (own or {}).items() if not name.lower().startswith("content-")}
    names = {name.lower() for name in given}
    return {**{name: value for name, value in (made.headers or {}).items() if name.lower() not in names}, **given}


# -- the form and its controls -----------------------------------------------------------------------------


def _form_of(found: Any) -> Element:
    if not isinstance(found, Element):
        raise FormError("it finds no element; a form is meant")
    form = around(found, "form")
    if form is None:
        raise FormError(f"it finds <{found.name}>, which is no form and stands in none")
    return form


def _owned(form: Element, root: Element) -> Iterator[Element]:
    """The controls whose owner the form is, in the order of the page (HTML 4.10.18.3).

    A form right below a table or a row is empty for a parser that follows the standard, and owns what stands
    behind it in the table.
    """
    behind: Element | None = None
    for each in root.inside("form", *_CONTROLS):
        if each.name == "form":
            behind = each if _is_emptied(each) else None
        elif _owner(each, root, behind) == form:
            yield each


def _is_emptied(form: Element) -> bool:
    return form.parent is not None and form.parent.name in _TABLE and not form.inside(*_CONTROLS)


def _owner(control: Element, root: Element, behind: Element | None) -> Element | None:
    outer = around(control.parent, "form", "datalist", "template")
    if outer is not None and outer.name != "form":
        return None
    named = control.attributes.get("form")
    if named is not None:
        return next((form for form in root.inside("form") if form.attributes.get("id") == named), None)
    if outer is None and behind is not None and is_in(control, around(behind, "table")):
        return behind
    return outer


def _submitter(controls: list[Control], data: Data) -> Control | None:
    """The button that `data` names: of several of a name the one of that value, else the first."""
    buttons = [each for each in controls if each.kind in ("submit", "image") and data.get(each.name) is not None]
    buttons = [each for each in buttons if not is_disabled(each)]
    meant = (each for each in buttons if each.attributes.get("value", "") in texts(data[each.name]))
    return next(meant, buttons[0] if buttons else None)


def _says(form: Element, submitter: Control | None) -> Callable[[str], str]:
    """What a form says of itself, or the button in its place (`formaction`, `formmethod`, `formenctype`)."""
    own, over = form.attributes, submitter.attributes if submitter is not None else {}
    return lambda name: over.get(f"form{name}", own.get(name, ""))


# -- where and how -----------------------------------------------------------------------------------------


def _action(action: str, page: Page, document: Document) -> str:
    """Where it goes: an empty action is the page's own URL, whatever its base (HTML 4.10.21.3)."""
    url = urls.join(document.base, action) if action.strip() else page.url
    if not urls.is_http(url):
        raise FormError(f'the action of its form is "{action}", no http or https URL')
    return urldefrag(url).url


def _with_query(url: str, query: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query=query))


def _charset(accepted: str | None, page: Page, is_multipart: bool) -> str:
    """The label of the charset to send (HTML 4.10.21.5): the form's, else the page's; for UTF-16 it is UTF-8.

    A multipart body is UTF-8 always, since it is kept as text.
    """
    if is_multipart:
        return UTF8
    labels = (accepted or "").split()
    label = next(filter(codec_of, labels), UTF8) if labels else decode_html(page.body, page.content_type)[1]
    return UTF8 if (codec_of(label) or "utf-8").startswith("utf") else label


def _urlencoded(entries: list[Entry], charset: str) -> str:
    """As the URL Standard serialises (5.2); what the charset lacks goes as `&#1234;` (HTML 4.10.21.5)."""
    codec = codec_of(charset) or "utf-8"

    def encoded(text: str) -> str:
        raw = BREAK.sub("\r\n", text).encode(codec, "xmlcharrefreplace")
        return quote_plus(raw, safe="*").replace("~", "%7E")

    return "&".join("=".join(secrets.around(each, encoded) for each in pair) for pair in entries)


def _as_urlencoded(entries: list[Entry], charset: str) -> tuple[str, str]:
    return _urlencoded(entries, charset), URLENCODED


def _as_plain(entries: list[Entry], charset: str) -> tuple[str, str]:
    """A body for people (HTML 4.10.21.8)."""
    return "".join(BREAK.sub("\r\n", f"{name}={value}") + "\r\n" for name, value in entries), PLAIN


def _as_multipart(entries: list[Entry], charset: str) -> tuple[str, str]:
    """RFC 7578. The boundary is made of the fields, so that the same form is the same page in the next run."""
    from urllib3.fields import RequestField
    from urllib3.filepost import encode_multipart_formdata

    boundary = hashlib.sha256(repr(entries).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    fields = []
    for name, value in entries:
        is_file = isinstance(value, NoFile)
        fields.append(RequestField(name, BREAK.sub("\r\n", value), filename="" if is_file else None))
        fields[-1].make_multipart(content_type="application/octet-stream" if is_file else None)
    body, kind = encode_multipart_formdata(fields, boundary)
    return body.decode("utf-8"), kind


_ENCODERS: dict[str, Callable[[list[Entry], str], tuple[str, str]]] = {MULTIPART: _as_multipart, PLAIN: _as_plain}
"""`enctype` -> body and Content-Type; anything else is urlencoded."""
