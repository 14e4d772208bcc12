"""lexbor answers as the default parser does, wherever a page is well-formed; where it cannot, it says so at once."""

from __future__ import annotations

import gc
import threading
import urllib.request
from functools import cache
from html import escape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.job.parts import Expect, LongSelector
from scraper.model import Page, Request
from scraper.page import html, lexbor, links
from scraper.page.document import check_expect, open_page
from scraper.page.nodes import Element, Scope
from scraper.page.selectors import SelectorError, compile_selector
from scraper.server import Server
from scraper.server.fixture import fixture_site

SELECTORS = [
    "*",
    "p",
    "DIV",
    "div p",
    "div > p",
    "p + p",
    "h2 ~ ul",
    "ul>li>b",
    "body p b",
    "p, div",
    "div, p, p.a, .a",
    "h1, h2, h3, title",
    ".a",
    ".A",
    ".a.b",
    "p.a",
    "#x",
    "#X",
    "[id]",
    "[href]",
    "[HREF]",
    "[title='']",
    "[class=a]",
    "[class~=b]",
    "[class|=a]",
    "[class^=a]",
    "[class$=b]",
    "[class*=' ']",
    "[class*='']",
    "[data-x]",
    "[data-x=foo]",
    '[data-x="FOO" i]',
    "[data-x=foo s]",
    "a[title!=foo]",
    "[type=text]",
    '[title="a\\"b"]',
    "input[type=checkbox]",
    ":root",
    ":root > body > *",
    "body > *",
    "p:not(.a)",
    "p:not(.a, #x)",
    "body *:not(p, b, li)",
    "p:not(div > p)",
    ":is(div, ul) > :is(p, li)",
    ":where(p, li) b",
    ":is(ul, div) :not(b) b",
    ":matches(p, li)",
    "div:has(> p)",
    "div:has(b, img)",
    "div:has(+ p)",
    "h2:has(~ ul)",
    "p:not(:has(*))",
    ":first-child",
    "li:first-child",
    "li:last-child",
    "li:only-child",
    "li:nth-child(2)",
    "li:nth-child(odd)",
    "li:nth-child(2n)",
    "li:nth-child(-n + 2)",
    "li:nth-child(1 of .a)",
    "li:nth-last-child(2)",
    "body p:first-of-type",
    "body p:last-of-type",
    "b:only-of-type",
    "p:nth-of-type(2)",
    "p:nth-last-of-type(1)",
    "p:empty",
    "body :empty",
    "td:empty",
    ":disabled",
    "input:enabled",
    ":required",
    "input:optional",
    ":link",
    "tr > td:nth-child(2)",
    "table tr td",
    "tbody > tr:last-child td",
    "dt + dd",
    'dt:-soup-contains("a") + dd',
    'p:-soup-contains("a")',
    ':-soup-contains("a b")',
    ':-soup-contains("a", "c") > b',
    ':-soup-contains-own("a")',
    'p:not(:-soup-contains-own("a", "b"))',
    "div:has(> p:-soup-contains(a))",
    ":scope",
    ":scope > *",
    ":scope > p",
    ":scope p b",
    ":scope + *",
    ":scope > :first-child",
    "p:is(:scope > *)",
    "script",
    "br",
    "img",
    "p /* the first */ b",
    "\\70",
    "a::attr(href)",
    "*::attr(title)",
    "a::attr(href), img::attr(src)",
    ":scope > a::attr(href), img::attr(src), b",
    "p, p.a::attr(class)",
    "::text",
    "::attr(id)",
]
"""All of them mean the same to both parsers."""

_STARTS = ["div", "ul", "p", "tr", "body > *"]
"""From the first of each the selectors are asked too."""


def roots(markup: str) -> tuple[Element, Element]:
    """The page by the default parser, and by lexbor."""
    return html.HtmlElement(html.parse_html(markup)), lexbor.parse_html(markup)


def shown(found: Any) -> Any:
    return (found.name, dict(found.attributes), found.text) if isinstance(found, Element) else found


def answers(compiler: Any, root: Any) -> dict[tuple[str, str, bool], list[Any]]:
    """By start, selector and whether all matches are wanted: what is found."""
    starts = {"": [root], **{start: compiler.compile_css(start)(root, False) for start in _STARTS}}
    return {
        (start, selector, many): [shown(one) for one in compiler.compile_css(selector)(node, many)]
        for start, nodes in starts.items()
        for node in nodes
        for selector in SELECTORS
        for many in (True, False)
    }


def assert_same(markup: str) -> None:
    ours, theirs = roots(markup)
    assert answers(lexbor, theirs) == answers(html, ours)


# -- pages -------------------------------------------------------------------------------------------------

WORDS = st.text(alphabet="ab c\n\t<&>\"'éß中\u00a0", max_size=8)
NAMES = st.sampled_from(["id", "title", "data-x", "href", "lang", "src", "DATA-Y"])
CLASSES = st.sampled_from(["a", "b", "a b", "A", "", "b  a"])
VALUES = st.one_of(st.sampled_from(["x", "X", "foo", "Foo", 'a"b', "/p?a=1&b=2"]), WORDS)


@st.composite
def tag(draw: Any, name: str, inner: Any, **fixed: str) -> str:
    given = {**fixed, **draw(st.dictionaries(NAMES, VALUES, max_size=2))}
    if draw(st.booleans()):
        given["class"] = draw(CLASSES)
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in given.items())
    return f"<{name}{attributes}>" + ("" if inner is None else f"{draw(inner)}</{name}>")


def run(strategy: Any, most: int = 3) -> Any:
    return st.lists(strategy, max_size=most).map("".join)


TEXT = st.one_of(
    WORDS.map(escape),
    st.sampled_from(["&nbsp;", "&euro;", "&#x41;", "&#233;", "&amp;lt;", "a", "b"]),
    st.text(alphabet="ab >!", max_size=5).map(lambda text: f"<!-- {text} -->"),
)
VOID = st.one_of(
    tag("br", None),
    tag("img", None, src="i.png"),
    tag("input", None, type="checkbox", checked=""),
    tag("input", None, type="text", disabled=""),
    tag("input", None, type="TEXT", required=""),
)
INLINE = st.recursive(
    st.one_of(TEXT, VOID),
    lambda inner: st.one_of(*(tag(name, run(inner)) for name in ("b", "i", "span", "em"))),
    max_leaves=4,
)
PHRASE = run(st.one_of(INLINE, tag("a", run(INLINE), href="/l")))
CELL = st.one_of(tag("td", PHRASE), tag("th", PHRASE))
TABLE = tag("table", run(tag("tbody", run(tag("tr", run(CELL))))))
LEAF = st.one_of(
    tag("p", PHRASE),
    tag("h2", PHRASE),
    TABLE,
    tag("dl", run(st.one_of(tag("dt", PHRASE), tag("dd", PHRASE)))),
    tag("select", run(tag("option", WORDS.map(escape), selected=""), 1)),
    tag("select", run(tag("option", WORDS.map(escape)))),
    st.sampled_from(["<script>var a = '<b>a</b>' && 1;</script>", "<style>p > a { }</style>", "<!-- a -->", "\n"]),
)
BODY = st.recursive(
    st.one_of(LEAF, PHRASE),
    lambda inner: st.one_of(
        tag("div", run(inner)), tag("section", run(inner)), tag("ul", run(tag("li", run(inner, 2))))
    ),
    max_leaves=8,
)
PAGES = run(BODY, 4).map(
    lambda body: (
        f"<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>a b</title></head>\n<body>{body}</body></html>"
    )
)


@settings(deadline=None, max_examples=20)
@given(PAGES)
def test_both_parsers_give_the_same_answers_on_well_formed_pages(markup: str) -> None:
    assert_same(markup)


COMPOUNDS = st.tuples(
    st.sampled_from(["", "*", "p", "b", "div", "li", "ul"]),
    st.sampled_from(["", "", ".a", ".b", "[class]", "[id]", "[title='']"]),
    st.sampled_from(["", "", ":first-child", ":last-child", ":nth-child(2)", ":only-child", ":first-of-type"]),
    st.sampled_from(["", "", ":empty", ':-soup-contains("a")', ":nth-last-child(odd)", ":nth-child(1 of .a)"]),
).map(lambda made: "".join(made) or "b")


def complexes(compound: Any) -> Any:
    """Compounds with combinators between them."""
    parts = st.lists(st.tuples(st.sampled_from([" ", " ", " > ", " + ", " ~ "]), compound), max_size=3)
    return st.tuples(compound, parts).map(lambda made: made[0] + "".join(map("".join, made[1])))


def nested(inner: Any) -> Any:
    """Selectors in pseudo-classes, with something before them or nothing."""
    lists = st.lists(complexes(inner), min_size=1, max_size=2).map(", ".join)
    by_list = st.tuples(st.sampled_from([":is", ":not", ":where"]), lists).map(lambda made: f"{made[0]}({made[1]})")
    has = st.tuples(st.sampled_from(["", "> ", "+ ", "~ "]), inner).map(lambda made: f":has({''.join(made)})")
    return st.tuples(st.sampled_from(["", "div", ".a"]), st.one_of(by_list, has)).map("".join)


QUERIES = complexes(st.recursive(COMPOUNDS, nested, max_leaves=3))


def is_known(query: str) -> bool:
    """Whether the default parser knows it: it has no `:has()` inside another one."""
    try:
        return bool(html.compile_css(query))
    except ValueError:
        return False


@settings(deadline=None, max_examples=40)
@given(PAGES, st.lists(QUERIES, min_size=3, max_size=6))
def test_both_parsers_give_the_same_answers_to_any_selector_that_both_know(markup: str, queries: list[str]) -> None:
    ours, theirs = roots(markup)

    for query in filter(is_known, queries):
        found = [shown(one) for one in lexbor.compile_css(query)(theirs, True)]
        assert found == [shown(one) for one in html.compile_css(query)(ours, True)], query


FIXTURE = (
    *("/", "/catalogue/", "/catalogue/page-2.html", "/catalogue/science/", "/catalogue/broken/", "/login"),
    *("/encoding/windows-1251", "/encoding/shift_jis", "/encoding/utf-16", "/encoding/meta-only", "/encoding/utf-8"),
)


@cache
def fixture_pages() -> dict[str, Page]:
    """The pages of the fixture site, and a book."""
    pages = {}
    with Server(fixture_site()) as server:
        for path in FIXTURE:
            with urllib.request.urlopen(server.url + path, timeout=10) as answer:
                headers = {"content-type": answer.headers["content-type"]}
                pages[path] = Page(Request("GET", server.url + path), server.url + path, 200, headers, answer.read())
    return pages


@pytest.mark.parametrize("path", FIXTURE)
def test_both_parsers_give_the_same_answers_on_the_fixture_site(path: str) -> None:
    ours, theirs = (open_page(fixture_pages()[path], "html", parser) for parser in ("lxml", "lexbor"))

    assert (answers(lexbor, theirs.root), theirs.base) == (answers(html, ours.root), ours.base)


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "plain",
        "<p> a\n\t b\u00a0c </p>",
        "a<br>b",
        "a<b>b</b>c",
        "<ul><li>a</li><li>b</li></ul>c",
        "<div><p>a</p><b>b</b></div>",
        "<span><p>a</p></span>b",
        "<p>a</p><!-- c -->b",
        "<table><tr><td>a<td>b<tr><td>c</table>",
        "<p>a<script>b</script><style>c</style>d",
        "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>",
        "<div>" * 3000 + "deep",
        "&#xFDD0;%EF%B7%90",
    ],
)
def test_both_parsers_fold_text_alike(markup: str) -> None:
    ours, theirs = roots(markup)

    assert theirs.text == ours.text


def test_words_beside_a_block_do_not_run_together_wherever_it_ends() -> None:
    texts = [root.text for root in roots("<span><p>a</p></span>b<div>c</div><i>d</i>e<!-- x --><hr>f")]

    assert texts == ["a b c de f"] * 2


@pytest.mark.parametrize(
    "markup",
    ["<p>", "<base href='/x/'><base href='/y/'>", "<base href>", "<base href='http://[bad'>", "<base target=a>"],
)
def test_both_parsers_find_the_same_base(markup: str) -> None:
    url = "http://shop.example/books/"

    assert lexbor.base_url(lexbor.parse_html(markup), url) == html.base_url(html.parse_html(markup), url)


@pytest.mark.parametrize(
    "markup",
    [
        "<picture><source srcset='a.webp 800w'><img id=x src=b.jpg></picture>",
        "<picture id=x><source srcset='a.webp'></picture>",
        "<video id=x poster=p.jpg><source src=a.mp4></video>",
        "<img id=x src=data:, data-src=c.jpg>",
        "<svg><image id=x xlink:href='d.png'></image></svg>",
        "<a id=x href=' /e '>e</a>",
    ],
)
def test_both_parsers_lead_to_the_same_links(markup: str) -> None:
    ours, theirs = (
        compiler.compile_css("#x")(root, False)[0] for compiler, root in zip((html, lexbor), roots(markup), strict=True)
    )

    assert (links.source(theirs), links.file_fields(theirs)) == (links.source(ours), links.file_fields(ours))


# -- elements ----------------------------------------------------------------------------------------------


def element(markup: str, selector: str) -> lexbor.LexborElement:
    found: lexbor.LexborElement = lexbor.compile_css(selector)(lexbor.parse_html(markup), False)[0]
    return found


def test_a_script_is_its_own_data_as_it_stands() -> None:
    script = element("<script>a  =\n1</script>", "script")

    assert (script.text, script.data) == ("a = 1", "a  =\n1")


def test_attributes_have_names_in_lower_case_and_empty_ones_are_empty() -> None:
    image = element("<img CLASS='a  b' alt='' hidden>", "img")

    assert dict(image.attributes) == {"class": "a  b", "alt": "", "hidden": ""}


@pytest.mark.parametrize(
    "name", ["class", "alt", "hidden", "none", "viewbox", "xlink:href", "é", "ALT", "/scope", "2", ""]
)
def test_an_attribute_is_the_same_alone_and_among_the_others(name: str) -> None:
    markup = "<svg CLASS='a  b' alt='' hidden viewBox='3' xlink:href=u É=1 2=3>"

    assert element(markup, "svg").attribute(name) == element(markup, "svg").attributes.get(name)


def test_parents_lead_out_to_the_page_and_end_there() -> None:
    names, at = [], element("<p><b>x</b></p>", "b")
    while at is not None:
        names.append(at.name)
        at = at.parent  # type: ignore[assignment]

    assert names == ["b", "p", "body", "html", "[document]"]


def test_an_element_is_equal_to_itself_found_another_way() -> None:
    bold = element("<p><b>x</b><b>x</b></p>", "b")
    first, second = bold.parent.inside("b", "i")  # type: ignore[union-attr]

    assert (bold == first, hash(bold) == hash(first), bold == second) == (True, True, False)


def test_an_element_outlives_its_page() -> None:
    found = [element(f"<p title={at}>text {at}</p>", "p") for at in range(50)]
    gc.collect()

    assert [(one.text, one.attributes["title"], one.parent.name) for one in found] == [  # type: ignore[union-attr]
        (f"text {at}", str(at), "body") for at in range(50)
    ]


def test_marks_are_seen_by_nobody() -> None:
    root = lexbor.parse_html("<div><p>a</p><p>b</p></div>")
    div = lexbor.compile_css("div")(root, False)[0]

    assert [shown(one) for one in lexbor.compile_css(':scope > p:-soup-contains("a")')(div, True)] == [("p", {}, "a")]
    assert dict(lexbor.compile_css("p")(root, False)[0].attributes) == {}
    assert lexbor.compile_css(":scope > p")(root, True) == []


def test_pages_of_several_threads_do_not_touch() -> None:
    found: dict[int, list[Any]] = {}

    def work(at: int) -> None:
        found[at] = []
        for turn in range(40):
            root = lexbor.parse_html(f"<ul>{f'<li class=a>{at}.{turn} <b>x</b></li>' * 20}</ul>")
            ask = lexbor.compile_css(f':scope li.a:-soup-contains("{at}."):has(b)')
            found[at].append({one.text for one in ask(root, True)})

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {at: [{f"{at}.{turn} x"} for turn in range(40)] for at in range(4)}


# -- what differs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "selector", "by_lxml", "by_lexbor"),
    [
        ("<table><tr><td>a</table>", "table > tr", 1, 0),
        ("<table><tr><td>a</table>", "table tr", 1, 1),
        ("<p>a", "head", 0, 1),
        ("<div/><p>a", "div p", 0, 1),
        ("<svg><a xlink:href='/x'></a></svg>", "[href]", 0, 1),
    ],
)
def test_the_trees_differ_where_the_docs_say(markup: str, selector: str, by_lxml: int, by_lexbor: int) -> None:
    ours, theirs = roots(markup)
    counts = [len(html.compile_css(selector)(ours, True)), len(lexbor.compile_css(selector)(theirs, True))]

    assert counts == [by_lxml, by_lexbor]


def test_class_names_count_letter_by_letter_without_a_doctype() -> None:
    assert lexbor.compile_css(".A")(lexbor.parse_html("<p class=a>"), True) == []


def test_lexbor_has_a_word_of_its_own_for_text_in_any_case() -> None:
    root = lexbor.parse_html("<p>One</p><p>two <b>one</b></p>")

    assert [one.text for one in lexbor.compile_css('p:lexbor-contains("one" i)')(root, True)] == ["One"]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("p:lang(en)", "lexbor does not know :lang; use parser: lxml"),
        ("p:default", "lexbor does not know :default; use parser: lxml"),
        (":checked", "lexbor does not know :checked; write [checked] or [selected], or use parser: lxml"),
        (":foo", "lexbor does not know :foo; use parser: lxml"),
        ("svg|a", "lexbor does not know namespaces; use parser: lxml"),
        ("[xlink|href]", "lexbor does not know namespaces; use parser: lxml"),
        ("[xlink\\:href]", "lexbor does not know attributes with a prefix ([xlink\\:href]); use parser: lxml"),
        ("p &", "lexbor does not know &; write :scope, or use parser: lxml"),
        ("p:is()", 'lexbor cannot read "p:is()": mend it, or use parser: lxml'),
        ("p >", 'lexbor cannot read "p >": mend it, or use parser: lxml'),
        ("> a", 'not CSS: "> a" begins with a combinator; write ":scope > a"'),
        ("[href", "not CSS: a bracket is not closed"),
        ("[href='a]", "not CSS: a bracket is not closed"),
        ("p:not(.a", 'not CSS: the brackets of "p:not(.a" do not close'),
        ("p)", 'not CSS: the brackets of "p)" do not close'),
        ("p:", "not CSS: a colon stands without a name behind it"),
        ("p::before", "not CSS: ::before stands inside; at the end of a selector stands ::text or ::attr(name)"),
        (':contains("a"', 'not CSS: :contains is written :contains("a text")'),
        ("[=a]", "not CSS: [=a] is no selector of an attribute"),
        ("a,,b", "not CSS: a selector in a list is empty"),
    ],
)
def test_css_that_lexbor_cannot_do_is_a_mistake_with_its_cure(selector: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        compile_selector(selector, "css", parser="lexbor")

    assert str(caught.value) == message


def test_a_selector_is_compiled_for_each_parser_by_itself() -> None:
    ours, theirs = roots("<p>a</p>")
    scope = Scope(None, "http://a.example/", {})

    for parser, root in (("lxml", ours), ("lexbor", theirs), ("lxml", ours)):
        compiled = compile_selector(LongSelector(css="p", match="(.)"), "css", parser=parser)
        assert (compiled.find(root, scope), compile_selector("p", "css", parser=parser).first(root, scope)) == (
            ["a"],
            "a",
        )


def test_expect_asks_the_parser_of_the_page() -> None:
    page = Page(Request("GET", "http://a.example/"), "http://a.example/", 200, {}, b"<!doctype html><p>a</p>")

    check_expect(page, open_page(page, "html", "lexbor"), Expect(has="p"), "css", {}, "lexbor")


@given(st.text(alphabet="ab.#[]()\"'\\:,>+~*|=^$ \n/*é&!-1", max_size=12))
def test_any_text_is_css_or_a_mistake(text: str) -> None:
    root = lexbor.parse_html("<div class=a><p id=b>a</p></div>")
    try:
        ask = lexbor.compile_css(text)
    except ValueError:
        return
    assert all(isinstance(one, (Element, str)) for one in ask(root, True))
