"""The next page: what is laid over the first request, and where a chain ends."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scraper.errors import ShapeError
from scraper.job.model import Rule
from scraper.job.parts import Auth
from scraper.model import Page, Request
from scraper.page.document import open_page, page_names
from scraper.page.paginate import Turn, first_request, link_header, next_request, page_digest

URL = "http://api.example/books"


def turned(
    request: Request, given: Any, body: Any = "", *, url: str | None = None, empty: bool = False, **rest: Any
) -> Request | None:
    """The next request after a page that `request` brought; a `body` that is no text is JSON."""
    read = "html" if isinstance(body, str) else "json"
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = {"html": "text/html", "json": "application/json"}[read]
    headers = {"content-type": kind, **rest.pop("headers", {})}
    page = Page(request, url or request.full_url, 200, headers, raw, private=rest.pop("private", True))
    rule = Rule.model_validate({"read": read, "next": given, **rest})
    document = open_page(page, read)
    turn = Turn(page, document, document.scope(page_names(page)), rule.language, empty)
    return next_request(turn, rule)


def urls_of(request: Request | None) -> str | None:
    return None if request is None else request.full_url


# -- a URL -------------------------------------------------------------------------------------------------

FIRST = Request(
    "POST", URL, params={"q": "x"}, data={"a": 1}, headers={"X-Key": "k"}, auth=Auth(bearer="t"), rule="books",
    parent={"p": 1}, row={"r": 1}, row_index=3, place=(2, 5), depth=1, found=True,
)  # fmt: skip


def test_a_next_url_replaces_url_parameters_and_body_and_keeps_the_rest() -> None:
    assert turned(FIRST, "a.next", "<a class=next href='?q=x&page=2#top'>") == Request(
        "GET", f"{URL}?q=x&page=2", headers={"X-Key": "k"}, auth=Auth(bearer="t"), rule="books",
        parent={"p": 1}, row={"r": 1}, row_index=3, n=2, place=(2, 5), depth=1, found=False, first=FIRST,
    )  # fmt: skip


def test_the_third_page_still_knows_the_first_request() -> None:
    second = turned(FIRST, "a", "<a href=/2>")
    assert second is not None
    third = turned(second, "a", "<a href=/3>", private=False)

    assert third is not None
    assert (third.n, third.first, third.url, third.via_public) == (3, FIRST, "http://api.example/3", True)


@pytest.mark.parametrize(
    ("given", "body", "expected"),
    [
        ("a.next::attr(href)", "<a class=next href=/2>", "http://api.example/2"),
        ({"css": "a", "match": "to (.*)"}, "<a>to /2</a>", "http://api.example/2"),
        ({"select": "a"}, "<a href=/2><a href=/3>", "http://api.example/2"),
        ("a", "<base href='http://other.example/x/'><a href=2>", "http://other.example/x/2"),
        ("links.next", {"links": {"next": "/2"}}, "http://api.example/2"),
        ({"url": "links.next"}, {"links": {"next": "?c=2"}}, f"{URL}?c=2"),
        ({"url": "next"}, {"next": {"url": "/2"}}, "http://api.example/2"),
        ("{{ page.url }}/{{ page.n + 1 }}", "", f"{URL}/2"),
        ("links.next", {"links": {"next": None}}, None),
        ("links.next", {"links": {"next": ""}}, None),
        ("a", "<p>the end", None),
        ("a", "<a name=x>", None),
        ("a", "<a href='javascript:go(2)'>", None),
        ("a", "<a href='#'>", None),
        ("a", "<a href='HTTP://API.example:80/books'>", None),
        ({"select": "a", "when": "p.more"}, "<a href=/2>", None),
        ({"select": "a", "when": "p.more"}, "<a href=/2><p class=more>yes", "http://api.example/2"),
        ({"select": "a", "when": "{{ page.n < 1 }}"}, "<a href=/2>", None),
    ],
)
def test_a_selector_finds_the_next_url_or_the_end(given: Any, body: Any, expected: str | None) -> None:
    assert urls_of(turned(Request("GET", URL), given, body)) == expected


def test_a_page_that_was_redirected_to_does_not_lead_to_itself() -> None:
    assert turned(Request("GET", URL), "a", "<a href=/moved>", url="http://api.example/moved") is None


@pytest.mark.parametrize(
    "bounds", [{"max_pages": 2}, {"next": {"select": "a", "max_pages": 2}}, {"max_pages": 2, "n": 3}]
)
def test_max_pages_bounds_any_chain(bounds: dict[str, Any]) -> None:
    request = replace(Request("GET", URL), n=bounds.get("n", 2))
    given = bounds.get("next", "a")

    assert turned(request, given, "<a href=/3>", max_pages=bounds.get("max_pages")) is None
    assert turned(replace(request, n=1), given, "<a href=/3>", max_pages=bounds.get("max_pages")) is not None


# -- counting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "given", "expected"),
    [
        (Request("GET", URL), {"page": "p"}, Request("GET", URL, params={"p": 1})),
        (Request("GET", URL), {"page": "p", "first": 0}, Request("GET", URL, params={"p": 0})),
        (Request("GET", URL, params={"q": 1, "p": 9}), {"page": "p"}, Request("GET", URL, params={"q": 1, "p": 1})),
        (Request("GET", f"{URL}?p=7&q=1&p=8"), {"page": "p"}, Request("GET", f"{URL}?p=1&q=1")),
        (
            Request("GET", f"{URL}?p=7", params={"p": 9, "q": 1}),
            {"page": "p"},
            Request("GET", f"{URL}?p=1", params={"q": 1}),
        ),
        (
            Request("POST", URL, data={"q": "x"}),
            {"page": "p", "in": "data"},
            Request("POST", URL, data={"q": "x", "p": 1}),
        ),
        (Request("POST", URL, data="p=7&q=x"), {"page": "p", "in": "data"}, Request("POST", URL, data="p=1&q=x")),
        (
            Request("POST", URL, json={"page": {"size": 10}}),
            {"page": "page.number", "in": "json"},
            Request("POST", URL, json={"page": {"size": 10, "number": 1}}),
        ),
        (Request("POST", URL), {"page": "a.b", "in": "json"}, Request("POST", URL, json={"a": {"b": 1}})),
        (Request("GET", URL), {"offset": "o", "step": 10}, Request("GET", URL, params={"o": 0})),
        (Request("GET", URL), "a.next", Request("GET", URL)),
        (Request("GET", URL), None, Request("GET", URL)),
    ],
)
def test_numbers_are_set_from_the_first_request_on(request_: Request, given: Any, expected: Request) -> None:
    rule = Rule.model_validate({"next": given})
    made = first_request(request_, rule)

    assert made == expected
    assert first_request(made, rule) == expected


def test_the_job_s_own_body_stays_as_it_is() -> None:
    body: dict[str, Any] = {"page": {"size": 10}}

    first_request(Request("POST", URL, json=body), Rule.model_validate({"next": {"page": "page.n", "in": "json"}}))

    assert body == {"page": {"size": 10}}


@pytest.mark.parametrize(("body", "name"), [([1], "p"), ({"a": 1}, "a.b"), ({"a": [1]}, "a.b.c"), ("text", "p")])
def test_a_body_without_a_place_for_the_number_is_told(body: Any, name: str) -> None:
    rule = Rule.model_validate({"next": {"page": name, "in": "json"}})

    with pytest.raises(ShapeError, match="the body is no object in which"):
        first_request(Request("POST", URL, json=body), rule)


@pytest.mark.parametrize(
    ("n", "given", "expected"),
    [
        (1, {"page": "p"}, 2),
        (4, {"page": "p", "first": 0}, 4),
        (2, {"page": "p", "first": 10, "step": 10}, 30),
        (1, {"page": "p", "first": 5, "step": -1, "last": 1}, 4),
        (5, {"page": "p", "first": 5, "step": -1, "last": 1}, None),
        (2, {"page": "p", "last": 3}, 3),
        (3, {"page": "p", "last": 3}, None),
        (2, {"page": "p", "last": "meta.pages"}, 3),
        (3, {"page": "p", "last": "meta.pages"}, None),
        (9, {"page": "p", "last": "meta.nothing"}, 10),
        (2, {"page": "p", "last": "{{ page.headers['X-Pages'] }}"}, 3),
        (3, {"page": "p", "last": "{{ page.headers['X-Pages'] }}"}, None),
        (9, {"page": "p", "last": "{{ page.headers['X-Other'] }}"}, 10),
    ],
)
def test_pages_count_up_to_their_last(n: int, given: Any, expected: int | None) -> None:
    first = Request("GET", URL, params={"p": given.get("first", 1)})
    request = replace(first, n=n, first=None if n == 1 else first)
    made = turned(request, given, {"meta": {"pages": 3}}, headers={"x-pages": "3"})

    assert (None if made is None else made.params) == (None if expected is None else {"p": expected})


@pytest.mark.parametrize(
    ("n", "given", "expected"),
    [
        (1, {"offset": "o", "step": 10, "total": "meta.count"}, 10),
        (2, {"offset": "o", "step": 10, "total": "meta.count"}, 20),
        (3, {"offset": "o", "step": 10, "total": "meta.count"}, None),
        (2, {"offset": "o", "step": 10, "total": 20}, None),
        (1, {"offset": "o", "step": 10, "first": 1}, 11),
        (2, {"offset": "o", "step": 10, "last": 2}, None),
        (7, {"offset": "o", "step": 10}, 70),
    ],
)
def test_offsets_grow_up_to_the_total(n: int, given: Any, expected: int | None) -> None:
    first = Request("GET", URL, params={"o": 0})
    made = turned(replace(first, n=n, first=first), given, {"meta": {"count": 25}})

    assert (None if made is None else made.params) == (None if expected is None else {"o": expected})


@pytest.mark.parametrize(
    "given",
    [
        {"page": "p"},
        {"page": "p", "last": 9},
        {"page": "p", "last": "nothing"},
        {"page": "p", "last": "meta.two"},
        {"offset": "o", "step": 10},
        {"offset": "o", "step": 10, "total": "meta.ten"},
        {"offset": "o", "step": 10, "last": 9},
    ],
)
def test_counting_ends_at_an_empty_page(given: Any) -> None:
    request = replace(Request("GET", URL), n=2)

    assert turned(request, given, {"meta": {"two": 2, "ten": 10}}, empty=True) is None


@pytest.mark.parametrize(
    "given",
    [
        {"page": "p", "last": "meta.three"},
        {"page": "p", "last": "{{ 3 }}"},
        {"offset": "o", "step": 10, "total": "meta.eleven"},
        {"offset": "o", "step": 10, "total": 11},
        {"offset": "o", "step": 10, "last": "meta.three"},
    ],
)
def test_an_empty_page_before_the_source_s_word_is_of_the_wrong_shape(given: Any) -> None:
    with pytest.raises(ShapeError, match="is empty, but the source says that more follows"):
        turned(replace(Request("GET", URL), n=2), given, {"meta": {"three": 3, "eleven": 11}}, empty=True)


# -- cursors and the Link header ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "body", "expected"),
    [
        ({"cursor": "next", "param": "c"}, {"next": "x y"}, Request("GET", URL, params={"q": 1, "c": "x y"})),
        ({"cursor": "next", "param": "c"}, {"next": None}, None),
        (
            {"cursor": {"c": "next", "d": "id"}},
            {"next": 1, "id": 2},
            Request("GET", URL, params={"q": 1, "c": 1, "d": 2}),
        ),
        ({"cursor": {"c": "next", "d": "id"}}, {"next": 1}, None),
        (
            {"cursor": "continue"},
            {"continue": {"a": "1", "b": "2"}},
            Request("GET", URL, params={"q": 1, "a": "1", "b": "2"}),
        ),
        ({"cursor": "continue"}, {}, None),
        ({"cursor": "continue"}, {"continue": {}}, None),
        (
            {"cursor": {"s.after": "sort"}, "in": "json"},
            {"sort": [1, "a"]},
            Request("GET", URL, params={"q": 1}, json={"s": {"after": [1, "a"]}}),
        ),
    ],
)
def test_a_cursor_is_laid_over_the_first_request(given: Any, body: Any, expected: Request | None) -> None:
    first = Request("GET", URL, params={"q": 1})
    second = replace(first, params={"q": 1, "c": "old"}, n=2, first=first)
    made = turned(second, given, body, empty=True)

    assert made == (expected and replace(expected, n=3, first=first))


def test_a_cursor_without_a_name_is_told() -> None:
    with pytest.raises(ShapeError, match="say its parameter in param:"):
        turned(Request("GET", URL), {"cursor": "next"}, {"next": "x"})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<http://h/2>; rel="next"', "http://h/2"),
        ('<http://h/1>; rel="prev first", <http://h/2>; title="a, b; c"; rel="last next"', "http://h/2"),
        ("</2?a=1,2;b>; rel=NEXT", "/2?a=1,2;b"),
        ('<http://h/1>; rel="prev"', None),
        ("garbage, <", None),
        ("", None),
    ],
)
def test_a_link_header_has_relations(header: str, expected: str | None) -> None:
    assert link_header(header, "next") == expected


def test_the_link_header_leads_to_the_next_page() -> None:
    made = turned(Request("GET", URL), {"link": "next"}, {}, headers={"link": '<?page=2>; rel="next"'})

    assert urls_of(made) == f"{URL}?page=2"


def test_equal_pages_have_equal_digests() -> None:
    page = Page(Request("GET", URL), URL, 200, {}, b"a")

    assert page_digest(page) == page_digest(replace(page, url="http://other.example", headers={"date": "now"}))
    assert page_digest(page) != page_digest(replace(page, body=b"b"))
