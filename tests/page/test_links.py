"""Where elements lead, and the best source of an image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import secrets
from scraper.page.html import HtmlElement, parse_html
from scraper.page.links import Candidate, best, file_fields, pick, resolve, source, srcset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (",, ,", []),
        ("a.jpg", [Candidate("a.jpg")]),
        ("a.jpg, b.jpg 2x", [Candidate("a.jpg"), Candidate("b.jpg", None, 2.0)]),
        ("a.jpg 100w,b.jpg 1.5x", [Candidate("a.jpg", 100), Candidate("b.jpg", None, 1.5)]),
        ("a,b.jpg 1x", [Candidate("a,b.jpg", None, 1.0)]),
        ("a.jpg,, b.jpg 2x", [Candidate("a.jpg"), Candidate("b.jpg", None, 2.0)]),
        ("a 10w 5h, b 5h, c 1x 10w, d 1x 1x, e 0w, f -1x, g 1q, h 1.5w", [Candidate("a", 10)]),
        ("a (1x, 2x), b", [Candidate("b")]),
        ("a (", []),
        ("a .5x, b 1e1x, c 1.x, d +1x", [Candidate("a", None, 0.5), Candidate("b", None, 10.0)]),
    ],
)
def test_a_srcset_is_parsed_as_browsers_do(text: str, expected: list[Candidate]) -> None:
    assert srcset(text) == expected


@pytest.mark.parametrize(
    ("text", "density", "expected"),
    [
        ("a, b 2x, c 3x", 1, "a"),
        ("a, b 2x, c 3x", 1.5, "b"),
        ("a, b 2x", 4, "b"),
        ("a 640w, b 1280w, c 2560w", 1, "b"),
        ("", 1, None),
    ],
)
def test_a_screen_takes_the_least_dense_that_suffices(text: str, density: float, expected: str | None) -> None:
    found = pick(srcset(text), density)

    assert (found.url if found else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a 100w, b 300w, c 200w", "b"), ("a, b 2x, c 1.5x", "b"), ("a, b", "a"), ("a 9x, b 10w", "b")],
)
def test_a_job_takes_the_widest_or_densest(text: str, expected: str) -> None:
    found = best(srcset(text))

    assert found is not None
    assert found.url == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<img src=a.jpg>", "a.jpg"),
        ("<img src='my a.jpg'>", "my a.jpg"),
        ("<img src=a.jpg srcset='b.jpg 2x'>", "b.jpg"),
        ("<img src=a.jpg srcset='b.jpg 0.5x'>", "a.jpg"),
        ("<img src=a.jpg srcset='b.jpg 10w'>", "b.jpg"),
        ("<img src='data:image/gif;base64,R0' data-src=b.jpg>", "b.jpg"),
        ("<img src=spinner.gif data-original=b.jpg>", "b.jpg"),
        ("<img src=a.jpg data-src='#later'>", "a.jpg"),
        ("<img src=a.jpg srcset='data:,x 9w' data-srcset='b.jpg 5w, c.jpg 7w'>", "c.jpg"),
        ("<img alt=none>", None),
        ("<img src='data:,x'>", None),
        ("<picture><source srcset='b.webp 900w'><source srcset='c.webp 100w'><img src=a.jpg></picture>", "b.webp"),
        ("<picture><source srcset=b.webp><img src=a.jpg></picture>", "a.jpg"),
        ("<picture><source srcset='b.webp 1x, c.webp 2x'></picture>", "c.webp"),
        ("<a href='/x?a=1'>t</a>", "/x?a=1"),
        ("<link href=f.css>", "f.css"),
        ("<video src=a.mp4 poster=p.jpg></video>", "a.mp4"),
        ("<video poster=p.jpg><source src=b.webm><source src=c.mp4></video>", "b.webm"),
        ("<video poster=p.jpg></video>", "p.jpg"),
        ("<audio><source src=a.ogg></audio>", "a.ogg"),
        ("<object data=a.pdf></object>", "a.pdf"),
        ("<meta property=og:image content=a.png>", "a.png"),
        ("<iframe src=f.html></iframe>", "f.html"),
        ("<embed src=f.swf>", "f.swf"),
        ("<area href=m.html>", "m.html"),
        ("<p>text</p>", None),
        ("<p style='background: #fff url(a.png) no-repeat'>x</p>", "a.png"),
        ("<p style=\"background-image: URL( 'a b.png' )\">x</p>", "a b.png"),
        ("<p style='background: url(&quot;a(1).png&quot;), url(b.png)'>x</p>", "a(1).png"),
        ("<p style='background: url(data:image/png;base64,AA), url(b.png)'>x</p>", "b.png"),
        ("<p style='background: url(a\\28 1\\29.png)'>x</p>", "a(1).png"),
        ("<p style='width: 1px'>x</p>", None),
        ("<div data-bg='b.png' style='background: url(spinner.gif)'>x</div>", "b.png"),
        ("<div data-background-image='url(b.png)'>x</div>", "b.png"),
        ("<a href=/page style='background: url(a.png)'>x</a>", "/page"),
    ],
)
def test_an_element_leads_to_the_url_of_its_kind(markup: str, expected: str | None) -> None:
    name = markup[1:].split(" ")[0].split(">")[0]

    assert source(HtmlElement(parse_html(markup)).inside(name)[0]) == expected


def test_an_image_in_a_picture_knows_the_sources_beside_it() -> None:
    markup = "<picture><source srcset='b.webp 9w'><source srcset='c.webp 99w'><img src=a.jpg></picture>"

    assert source(HtmlElement(parse_html(markup)).inside("img")[0]) == "c.webp"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("a.jpg", "a.jpg"),
        (" ", None),
        ({"url": "a.jpg", "n": 1}, "a.jpg"),
        ({"href": "x"}, None),
        ({"url": 3}, None),
        (7, None),
        (None, None),
        ([], None),
    ],
)
def test_a_text_or_object_leads_to_its_url(found: object, expected: str | None) -> None:
    assert source(found) == expected


def test_a_file_has_the_fields_of_what_was_selected() -> None:
    anchor = HtmlElement(parse_html("<a href=x data-id=7 text=no> the <b>file</b></a>")).inside("a")[0]

    assert file_fields(anchor) == {"href": "x", "data-id": "7", "text": "the file"}
    assert file_fields({"url": "x", "size": 3}) == {"url": "x", "size": 3}
    assert file_fields("x") == {}


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("b.html#part", "http://h.example/a/b.html"),
        (" /b\n.html ", "http://h.example/b.html"),
        ("//cdn.example/x y", "http://cdn.example/x%20y"),
        ("?p=2", "http://h.example/a/?p=2"),
        ("#top", "http://h.example/a/"),
        ("mailto:a@b.example", ""),
        ("javascript:void(0)", ""),
        ("data:,x", ""),
        ("blob:http://h.example/1", ""),
        ("ftp://h.example/x", ""),
        ("http://[bad", ""),
        ("/x%EF%B7%9\n0env:KEY", "http://h.example/x%EF%B7%90env:KEY"),  # looks like a mark
    ],
)
def test_a_link_is_made_absolute_or_is_none(link: str, expected: str) -> None:
    assert resolve("http://h.example/a/", link) == expected
    assert secrets.names(expected) == []


@given(st.text(alphabet="ab, \t1.0exwh()-+q\0", max_size=40) | st.text(max_size=40))
def test_any_srcset_is_read_and_a_candidate_is_one_of_it(text: str) -> None:
    candidates = srcset(text)

    assert pick(candidates) in candidates or not candidates
    assert best(candidates) in candidates or not candidates
