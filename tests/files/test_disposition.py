"""Content-Disposition: every spelling that servers send, and every one that attackers do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files import disposition
from scraper.files.disposition import Disposition, extension_from, filename_from, parse_disposition


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Disposition("", {})),
        ("Inline", Disposition("inline", {})),
        ("attachment; filename=a b.pdf ; x=1", Disposition("attachment", {"filename": "a b.pdf", "x": "1"})),
        (r'attachment; filename="a\"b;c\\d.pdf"', Disposition("attachment", {"filename": 'a"b;c\\d.pdf'})),
        ('attachment; filename="a.pdf"junk; x=1', Disposition("attachment", {"filename": "a.pdf", "x": "1"})),
        ('attachment; filename="never closed; x=1', Disposition("attachment", {})),
        ("attachment; filename=1; FILENAME=2", Disposition("attachment", {"filename": "1"})),
        ("attachment;;; alone; = ;x=", Disposition("attachment", {"": "", "x": ""})),
        (
            "attachment; filename*=UTF-8'de'na%C3%AFve.pdf",
            Disposition("attachment", {"filename*": "UTF-8'de'na%C3%AFve.pdf", "filename": "naïve.pdf"}),
        ),
    ],
)
def test_a_header_is_read_as_far_as_it_goes(header: str, expected: Disposition) -> None:
    assert parse_disposition(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("attachment", None),
        ("attachment; filename=", None),
        ('attachment; filename="a.pdf"', "a.pdf"),
        ("attachment; filename=a b.pdf", "a b.pdf"),
        ("attachment; filename=\"plain.pdf\"; filename*=UTF-8''%E2%82%AC.pdf", "€.pdf"),
        ("attachment; filename*=UTF-8''%E2%82%AC.pdf; filename=plain.pdf", "€.pdf"),
        ("attachment; filename=plain.pdf; filename*=UTF-8''%FF.pdf", "plain.pdf"),
        ("attachment; filename=plain.pdf; filename*=KOI8-R''%C1.pdf", "plain.pdf"),
        ("attachment; filename*=\"UTF-8''%E2%82%AC.pdf\"", "€.pdf"),
        ("attachment; filename*=iso-8859-1''%C3%A4.pdf", "Ã¤.pdf"),
        ("attachment; filename=%41.pdf", "%41.pdf"),
        ("attachment; filename==?utf-8?Q?a?=", "=?utf-8?Q?a?="),
        ('filename="a.pdf"', "a.pdf"),
        ("filename=a.pdf; attachment", "a.pdf"),
        ("attachment; filename=../../etc/passwd", "passwd"),
        ("attachment; filename*=UTF-8''..%2F..%5Cboot.ini", "boot.ini"),
        ("attachment; filename=..", None),
        ("attachment; filename=dir/", None),
        ("attachment; filename=n\xe4me.pdf", "näme.pdf"),
        ("attachment; filename=" + "猫.pdf".encode().decode("latin-1"), "猫.pdf"),
        ("attachment; filename=猫.pdf", "猫.pdf"),
    ],
)
def test_a_header_gives_the_name_that_a_browser_takes(header: str, expected: str | None) -> None:
    assert filename_from(header) == expected


_hostile = st.lists(
    st.sampled_from(
        [
            ";",
            "=",
            '"',
            "\\",
            "'",
            "%",
            "*",
            "filename",
            "filename*=",
            "UTF-8''",
            "%e4",
            " ",
            "/",
            "\0",
            "ä",
            "🐈",
        ]
    )
).map("".join)


@given(st.one_of(st.text(), _hostile))
def test_no_header_raises_or_gives_a_name_with_a_folder(header: str) -> None:
    name = filename_from(header)

    assert name is None or (name not in ("", ".", "..") and not set("/\\") & set(name))


@given(st.one_of(st.text(), _hostile))
def test_values_are_made_of_what_the_header_holds(header: str) -> None:
    """No value outgrows its header: nothing is read into two of them."""
    params = parse_disposition(header).params

    assert sum(len(value) for name, value in params.items() if name + "*" not in params) <= len(header)


class CountingPattern:
    """A compiled pattern that counts the characters it looks at; a failed match has looked at all."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.looked_at = 0

    def match(self, text: str, at: int) -> re.Match[str] | None:
        found = self.pattern.match(text, at)
        self.looked_at += (found.end() if found else len(text)) - at
        return found


@pytest.mark.parametrize("piece", ['x="', 'x="\\', 'x="a";', 'x="";y="', "x=;", '"', ";", "\\", " ", "x=  "])
def test_a_long_hostile_header_is_read_in_one_pass(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No character of a quoted string is looked at twice; possessive repeats never go back."""
    counting = CountingPattern(disposition._CLOSING_QUOTE)
    monkeypatch.setattr(disposition, "_CLOSING_QUOTE", counting)

    parse_disposition("attachment;" + piece * 50_000)

    assert counting.looked_at <= len(piece) * 50_000
    assert "*+" in counting.pattern.pattern


@pytest.mark.parametrize(
    ("header", "content_type", "expected"),
    [
        ("attachment; filename=a.PDF", "text/html", ".pdf"),
        ("attachment; filename=a.tar.gz", None, ".tar.gz"),
        ("attachment; filename=a.php", "image/png", ".png"),
        ("attachment; filename=a", "image/jpeg; q=1", ".jpg"),
        ("inline", "application/octet-stream", ""),
        (None, None, ""),
    ],
)
def test_a_response_tells_the_extension(header: str | None, content_type: str | None, expected: str) -> None:
    assert extension_from(header, content_type) == expected
