"""Forms: what a browser would send (HTML 4.10.21), with the job's data laid over."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import secrets
from scraper.job.fields import setting_names
from scraper.job.model import Rule
from scraper.job.template import TemplateError
from scraper.model import Page, Request
from scraper.page.document import open_page
from scraper.page.forms import FormError, form_request, merged_headers, rendered
from scraper.page.selectors import compile_selector

URL = "http://a.example/x/page?old=1#top"
FROM = "http://a.example/x/page?old=1"
PARSERS = ["lxml", "lexbor"]
SENT = "application/x-www-form-urlencoded"


def sent(
    html: str, data: dict[str, Any] | None = None, *, select: str = "form", charset: str = "utf-8",
    parser: str = "lxml", url: str = URL,
) -> Request:  # fmt: skip
    """The request of the form on a page."""
    headers = {"content-type": f"text/html; charset={charset}"}
    page = Page(Request("GET", url), url, 200, headers, html.encode(charset))
    document = open_page(page, "html", parser)
    found = compile_selector(select, "css", parser=parser).match(document.root, document.scope({}))
    return form_request(found, page, document, data or {})


def fields(inner: str, data: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, str]]:
    """The fields of a form, in the order in which they are sent."""
    body = sent(f"<form method=post>{inner}</form>", data, **more).data
    assert isinstance(body, str)
    return parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body))


CONTROLS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "lines of text": ("<input name=a value=1><input name=b type=TEXT><input name=c type=nonsense value=3>",
                      [("a", "1"), ("b", ""), ("c", "3")]),
    "repeated names in their order": ("<input name=a value=1><input name=b><input name=a value=2>",
                                      [("a", "1"), ("b", ""), ("a", "2")]),
    "without a name": ("<input value=1><input name='' value=2><textarea>3</textarea>", []),
    "disabled": ("<input name=a disabled><select name=b disabled><option>1</select><input name=c>", [("c", "")]),
    "in a disabled fieldset": ("<fieldset disabled><input name=a><div><input name=b></div></fieldset><input name=c>",
                               [("c", "")]),
    "in the first legend of one": ("<fieldset disabled><legend><input name=a></legend><legend><input name=b></legend>"
                                   "</fieldset>", [("a", "")]),
    "in a fieldset within a disabled one": ("<fieldset disabled><fieldset><legend><input name=a></legend></fieldset>"
                                            "</fieldset>", []),
    "boxes": ("<input type=checkbox name=a><input type=checkbox name=b checked><input type=checkbox name=c checked "
              "value=x><input type=radio name=r value=1><input type=radio name=r value=2 checked>",
              [("b", "on"), ("c", "x"), ("r", "2")]),
    "a list's chosen option": ("<select name=s><option value=1>one<option value=2 selected>two</select>", [("s", "2")]),
    "a list's first option": ("<select name=s><option disabled value=0>choose<option>  one  \n and </select>",
                              [("s", "one and")]),
    "a list of which the last is chosen": ("<select name=s><option selected>1<option selected>2</select>",
                                           [("s", "2")]),
    "a chosen option that is disabled": ("<select name=s><option>1<option selected disabled>2</select>", []),
    "options of a disabled group": ("<select name=s><optgroup disabled><option>1</optgroup><option>2</select>",
                                    [("s", "2")]),
    "a list of several": ("<select name=s multiple><option selected>1<option>2<option selected value=''>3</select>",
                          [("s", "1"), ("s", "")]),
    "a list of several, none chosen": ("<select name=s multiple><option>1</select>", []),
    "a list that shows several lines": ("<select name=s size=3><option>1</select>", []),
    "a list without options": ("<select name=s></select>", []),
    "a text of several lines": ("<textarea name=t>\n a\nb\n\n</textarea>", [("t", " a\r\nb\r\n\r\n")]),
    "a text with markup in it": ("<textarea name=t>1 &lt; 2 &amp;amp;</textarea>", [("t", "1 < 2 &amp;")]),
    "hidden ones as they are": ("<input type=hidden name=h value=' a&#10;b '>", [("h", " a\r\nb ")]),
    "a line without breaks": ("<input name=a value='x&#13;&#10;y'>", [("a", "xy")]),
    "the charset": ("<input type=hidden name=_charset_><input name=_charset_ value=mine>",
                    [("_charset_", "UTF-8"), ("_charset_", "mine")]),
    "buttons": ("<input type=submit name=a value=1><button name=b value=1>x</button><input type=image name=c>"
                "<input type=button name=d><input type=reset name=e><button type=button name=f>x</button>", []),
    "files that nobody chose": ("<input type=file name=f>", [("f", "")]),
    "in a template or datalist": ("<template><input name=a></template><datalist><option>x<input name=b></datalist>"
                                  "<input name=c>", [("c", "")]),
    "sliders": ("<input type=range name=a><input type=range name=b min=0 max=10 value=99><input type=range name=c "
                "value=7>", [("a", "50"), ("b", "10"), ("c", "7")]),
    "numbers, colours, addresses": ("<input type=number name=a value=x><input type=number name=b value=-1.5>"
                                    "<input type=color name=c value=red><input type=color name=d value='#FF00ff'>"
                                    "<input type=email name=e value=' a@b '>",
                                    [("a", ""), ("b", "-1.5"), ("c", "#000000"), ("d", "#ff00ff"), ("e", "a@b")]),
    "their direction": ("<input name=a dirname=a.dir><p dir=rtl><textarea name=b dirname=b.dir></textarea></p>",
                        [("a", ""), ("a.dir", "ltr"), ("b", ""), ("b.dir", "rtl")]),
}  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("case", CONTROLS)
def test_controls_give_what_a_browser_sends(case: str, parser: str) -> None:
    inner, expected = CONTROLS[case]
    assert fields(inner, parser=parser) == expected


DATA: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "a value in the field's place": ("<input name=a value=1><input name=b value=2>", {"a": 9},
                                     [("a", "9"), ("b", "2")]),
    "a new field comes last": ("<input name=a value=1>", {"z": True}, [("a", "1"), ("z", "true")]),
    "null leaves out": ("<input name=a value=1><input name=b>", {"a": None, "z": None}, [("b", "")]),
    "a list repeats": ("<input name=a><input name=b>", {"a": [1, 2]}, [("a", "1"), ("a", "2"), ("b", "")]),
    "an empty list leaves out": ("<input name=a><input name=b>", {"a": []}, [("b", "")]),
    "one value for repeated fields": ("<input name=a value=1><input name=b><input name=a value=2>", {"a": 3},
                                      [("a", "3"), ("b", "")]),
    "an unchecked box": ("<input type=checkbox name=a value=x><input name=b>", {"a": "x"}, [("a", "x"), ("b", "")]),
    "a disabled field": ("<input name=a disabled><input name=b>", {"a": "x"}, [("a", "x"), ("b", "")]),
    "a button in its place": ("<button name=go value=1>x</button><input name=b>", {"go": "1"},
                              [("go", "1"), ("b", "")]),
    "one of two buttons": ("<button name=act value=save>x</button><button name=act value=drop>x</button>",
                           {"act": "drop"}, [("act", "drop")]),
    "an image": ("<input type=image name=im><input name=b>", {"im": ""}, [("im.x", "0"), ("im.y", "0"), ("b", "")]),
    "a point of an image": ("<input type=image name=im>", {"im.x": 3, "im.y": 4}, [("im.x", "3"), ("im.y", "4")]),
}  # fmt: skip


@pytest.mark.parametrize("case", DATA)
def test_data_is_laid_over(case: str) -> None:
    inner, data, expected = DATA[case]
    assert fields(inner, data) == expected


@pytest.mark.parametrize("parser", PARSERS)
def test_controls_outside_of_a_form_may_belong_to_it(parser: str) -> None:
    page = (
        "<input name=a form=f><form id=f method=post><input name=b><input name=c form=g><input name=d form=none>"
        "</form><form id=g><input name=e form=f></form><textarea name=t form=f>x</textarea><input name=z>"
    )
    assert sent(page, select="#f", parser=parser).data == "a=&b=&e=&t=x"


@pytest.mark.parametrize("parser", PARSERS)
def test_a_form_right_below_a_table_owns_what_stands_in_its_rows(parser: str) -> None:
    page = "<table><form id=f method=post><tr><td><input name=a></td></tr></form></table><input name=b>"
    assert sent(page, select="#f", parser=parser).data == "a="


@pytest.mark.parametrize("select", ["form", "#go", "#go b", "input"])
def test_what_lies_in_a_form_stands_for_it(select: str) -> None:
    page = "<form action=/s><input name=q value=1><button id=go><b>x</b></button></form>"
    assert sent(page, select=select).url == "http://a.example/s?q=1"


@pytest.mark.parametrize(
    ("page", "select", "message"),
    [
        ("<p>text", "p", "it finds <p>, which is no form and stands in none"),
        ("<p title=x>text", "p::attr(title)", "it finds no element; a form is meant"),
        (
            "<form action='javascript:go()'>",
            "form",
            'the action of its form is "javascript:go()", no http or https URL',
        ),
        ("<form action='mailto:a@b'>", "form", 'the action of its form is "mailto:a@b", no http or https URL'),
    ],
)
def test_what_cannot_be_sent_is_told(page: str, select: str, message: str) -> None:
    with pytest.raises(FormError) as told:
        sent(page, select=select)
    assert str(told.value) == message


ACTIONS = {
    "": "http://a.example/x/page?old=1",
    "action=''": "http://a.example/x/page?old=1",
    "action=' '": "http://a.example/x/page?old=1",
    "action=go": "http://a.example/x/go",
    "action='/go?k=1#f'": "http://a.example/go?k=1",
    "action='?k=1'": "http://a.example/x/page?k=1",
    "action='//b.example/'": "http://b.example/",
}


@pytest.mark.parametrize("attribute", ACTIONS)
def test_a_form_goes_where_its_action_says(attribute: str) -> None:
    assert sent(f"<form method=post {attribute}>").url == ACTIONS[attribute]


def test_the_base_of_a_page_counts_for_an_action_but_not_for_an_empty_one() -> None:
    base = "<base href='http://b.example/y/'>"
    assert sent(f"{base}<form method=post action=go>").url == "http://b.example/y/go"
    assert sent(f"{base}<form method=post>").url == "http://a.example/x/page?old=1"


def test_a_get_replaces_the_query_of_the_action() -> None:
    made = sent("<form action='/s?k=1#f'><input name=q value='a b&amp;c=d/é~*'><input name=q value=2></form>")
    assert (made.method, made.data) == ("GET", None)
    assert made.url == "http://a.example/s?q=a+b%26c%3Dd%2F%C3%A9%7E*&q=2"


@pytest.mark.parametrize("method", ["", "get", "GET", "dialog", "put"])
def test_what_is_no_post_is_a_get(method: str) -> None:
    assert sent(f"<form method='{method}'>").method == "GET"


def test_a_button_may_say_where_and_how_in_the_forms_place() -> None:
    page = (
        "<form action=/a><input name=q value=1><button name=b value=1 formaction=/b formmethod=post "
        "formenctype=text/plain>x</button><button name=c formaction=/c>x</button></form>"
    )
    made = sent(page, {"b": "1"})
    assert (made.method, made.url, made.data) == ("POST", "http://a.example/b", "q=1\r\nb=1\r\n")
    assert made.headers == {"Referer": FROM, "Content-Type": "text/plain"}
    assert sent(page).url == "http://a.example/a?q=1"


def test_a_whole_request_knows_its_type_its_page_and_that_secrets_stay_home() -> None:
    assert sent("<form method=POST action=/s><input name=a value='1 2'></form>") == Request(
        "POST", "http://a.example/s", data="a=1+2", headers={"Referer": FROM, "Content-Type": SENT}, homebound=True
    )


def test_another_origin_is_told_no_more_than_the_origin_of_the_page() -> None:
    assert sent("<form action='http://b.example/s'>").headers == {"Referer": "http://a.example/"}


def test_a_multipart_body_is_the_same_each_time() -> None:
    page = (
        '<form method=post enctype=multipart/form-data><input name="a&quot;" value="é"><input type=file name=f></form>'
    )
    made = sent(page)
    boundary = (made.headers or {})["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert str(made.data).split(f"--{boundary}") == [
        "",
        '\r\nContent-Disposition: form-data; name="a%22"\r\n\r\né\r\n',
        '\r\nContent-Disposition: form-data; name="f"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n",
        "--\r\n",
    ]
    assert made.identity == sent(page).identity
    assert made.identity != sent(page, {"f": "x"}).identity


@pytest.mark.parametrize(
    ("attribute", "charset", "query"),
    [
        ("", "utf-8", "q=%D1%8F%E2%98%83&_charset_=UTF-8"),
        ("", "windows-1251", "q=%FF%26%239731%3B&_charset_=windows-1251"),
        ("accept-charset='nonsense windows-1251 utf-8'", "utf-8", "q=%FF%26%239731%3B&_charset_=windows-1251"),
        ("accept-charset=utf-16", "windows-1251", "q=%D1%8F%E2%98%83&_charset_=UTF-8"),
    ],
)
def test_a_form_is_sent_in_its_charset_or_the_pages(attribute: str, charset: str, query: str) -> None:
    page = f"<form {attribute}><input name=q value='&#1103;&#9731;'><input type=hidden name=_charset_></form>"
    assert sent(page, charset=charset).url == f"http://a.example/x/page?{query}"


def test_secrets_are_marks_until_they_are_sent_and_then_percent_encoded() -> None:
    mark = secrets.mark("env", "KEY")
    made = sent("<form method=post><input name=p></form>", {"p": f"a {mark}"})
    assert secrets.display(str(made.data)) == "p=a+{env:KEY}"
    assert secrets.reveal(str(made.data), lambda name: "x&y=z é") == "p=a+x%26y%3Dz%20%C3%A9"


def test_data_is_rendered_and_null_stays() -> None:
    names = setting_names({"none": None, "who": "me"})
    data = {"a": "{{ none }}", "{{ who }}": "{{ who }}!", "b": None, "c": ["{{ who }}", "{{ none }}"]}
    assert rendered(data, names) == {"a": None, "me": "me!", "b": None, "c": ["me"]}
    with pytest.raises(TemplateError):
        rendered({"a": "{{ nobody }}"}, names)


def test_headers_of_the_job_win_but_for_those_of_the_body() -> None:
    made = Request("POST", URL, headers={"Referer": FROM, "Content-Type": SENT})
    assert merged_headers({"referer": "x", "content-type": "y", "X-Key": "k"}, made) == {
        "Content-Type": SENT,
        "referer": "x",
        "X-Key": "k",
    }


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=6))
def test_every_text_arrives_as_it_stands_in_the_page(pairs: list[tuple[str, str]]) -> None:
    inputs = "".join(f'<input type=hidden name="{escape(name)}" value="{escape(value)}">' for name, value in pairs)
    told = [pair for pair in pairs if pair[0].lower() != "_charset_"]
    assert [pair for pair in fields(inputs) if pair[0].lower() != "_charset_"] == told


@given(st.dictionaries(TEXT.filter(bool), st.none() | TEXT | st.lists(TEXT, max_size=3), max_size=5))
def test_data_arrives_whatever_the_form_has(data: dict[str, Any]) -> None:
    expected = [
        (name, text)
        for name, value in data.items()
        for text in (value if isinstance(value, list) else [value])
        if text is not None
    ]
    assert fields("<p>no control", data) == expected


@given(st.text("<>/=\"' \nabfimnoprstux-", max_size=200))
def test_any_page_has_a_form_that_can_be_sent_or_none(text: str) -> None:
    page = f"<form id=f method=post>{text}</form>"
    assert isinstance(sent(page, {"a": "1"}, select="#f").data, str)


def test_a_form_in_the_rules_is_written_as_the_contract_says() -> None:
    rule = Rule.model_validate({"follow": {"r": {"form": "#f", "data": {"a": None}, "when": "p"}}})
    assert rule.follow["r"].data == {"a": None}  # type: ignore[union-attr]
