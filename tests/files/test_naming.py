"""Names: from URLs and rendered templates to paths that are safe to write."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.files.naming import (
    UNKNOWN_EXT,
    UrlName,
    complete,
    distinct,
    fold,
    has_known_ext,
    is_open,
    number,
    part_name,
    safe_path,
    url_name,
    without_mark,
)

M = UNKNOWN_EXT
DIGEST = "c31eabf5d42b1a81"  # SHA-256 of http://h/cat.jpg
DEVICES = ["CON", "prn", "AUX", "nul", "COM0", "com9", "LPT1", "COM¹", "lpt³", "CONIN$", "CONOUT$"]

# Text made of what names break on, beside text of any kind.
_WORDS = (
    "/",
    "\\",
    "..",
    ".",
    " ",
    "-",
    "~",
    "_",
    ":",
    "?",
    "CON",
    "nul",
    "K",
    "ſ",
    "あ",
    "😀",
    "a" * 120,
    "é" * 130,
)
_ENDINGS = (
    ".part",
    ".PART",
    "．ｐａｒｔ",
    "\u3380rt",
    ".jpg",
    ".tar.gz",
    "records.jsonl",
    ".scraper",
    "\uff0e",
    "\u2024",
)
_MARKS = ("e\u0301", "\u0301", "\u0338", "\u3000", "\u202e", "\u200d", "\ud800", "\x00", "\ufdd0", M)
_pieces = st.sampled_from(_WORDS + _ENDINGS + _MARKS)
texts = st.one_of(st.text(max_size=400), st.lists(_pieces, max_size=30).map("".join))
paths = texts.map(safe_path)


def assert_safe(path: str) -> None:
    """What DESIGN 4.1, 4.6 and 4.7 promise of every name."""
    segments = path.split("/")
    assert len(path.encode()) <= 3600
    assert 1 <= len(segments) <= 64
    assert unicodedata.is_normalized("NFC", path)
    assert fold(segments[0]) != ".scraper"
    assert fold(path) != "records.jsonl"
    for segment in segments:
        assert segment not in ("", ".", "..")
        assert len(segment.encode()) <= 250
        assert not set(segment) & set('\\<>:"|?*\0\n\u202e\u200d\ufdd0')
        assert not segment.startswith((".", "-", " "))
        assert not segment.endswith((".", " "))
        assert not fold(segment).endswith(".part")
        assert segment.replace(M, ".").split(".")[0].rstrip().upper() not in {d.upper() for d in DEVICES}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/a/b/cat.jpg", UrlName("cat.jpg", "cat", ".jpg", "a/b", "h")),
        ("http://h/cat.JPG?w=1#x", UrlName("cat.JPG", "cat", ".JPG", "", "h")),
        ("http://h/data.tar.gz", UrlName("data.tar.gz", "data", ".tar.gz", "", "h")),
        ("http://h/rows.csv.zst", UrlName("rows.csv.zst", "rows", ".csv.zst", "", "h")),
        ("http://h/v1.2.gz", UrlName("v1.2.gz", "v1.2", ".gz", "", "h")),
        ("http://h/view.php?id=3", UrlName("view" + M, "view", M, "", "h")),
        ("http://h/v1.0", UrlName("v1.0" + M, "v1.0", M, "", "h")),
        ("http://h/.jpg", UrlName(".jpg" + M, ".jpg", M, "", "h")),
        ("http://h/a/", UrlName("index" + M, "index", M, "a", "h")),
        ("http://h", UrlName("index" + M, "index", M, "", "h")),
        ("http://h/a%20b/%E7%8C%AB.png", UrlName("猫.png", "猫", ".png", "a b", "h")),
        ("http://h/a%2Fb/..%2F..%5Cx.png", UrlName(".._.._x.png", ".._.._x", ".png", "a_b", "h")),
        ("http://h/%2e%2e/%2E/x.png", UrlName("x.png", "x", ".png", "", "h")),
        ("http://h/%252e%ff.png", UrlName("%2e\ufffd.png", "%2e\ufffd", ".png", "", "h")),
        ("http://h/%EF%B7%92.png", UrlName("\ufffd.png", "\ufffd", ".png", "", "h")),
        ("https://u:p@Example.ORG:8443/x.png", UrlName("x.png", "x", ".png", "", "example.org")),
        ("http://[::1]:80/x.png", UrlName("x.png", "x", ".png", "", "::1")),
    ],
)
def test_a_url_gives_its_names(url: str, expected: UrlName) -> None:
    assert url_name(url) == expected


@given(st.text())
def test_url_names_hold_no_separator_and_never_raise(text: str) -> None:
    name = url_name("http://h/" + text)

    assert not set("/\\") & set(name.filename)
    assert not {"", ".", ".."} & set(name.dir.split("/")) or name.dir == ""


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("", "index"),
        ("..", "index"),
        ("pictures/", "pictures/index"),
        ("/etc/passwd", "etc/passwd"),
        ("../../../../etc/hosts", "etc/hosts"),
        ("a/./b//c/../d", "a/b/c/d"),
        ("a\\..\\b", "a_.._b"),
        ("C:\\x", "C__x"),
        ('<b>:"|?*', "_b______"),
        ("a\nb\x00c\x7fd\x85e\u2028f", "a_b_c_d_e_f"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("lone\ud800.txt", "lone_.txt"),
        ("own\ufdd0mark", "own_mark"),
        ("cafe\u0301.txt", "café.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Aux .tar.gz", "_Aux .tar.gz"),
        ("COM¹.log", "_COM¹.log"),
        ("console.log", "console.log"),
        ("name. . ", "name"),
        (" \u3000name", "name"),
        ("-rf", "_rf"),
        (".bashrc", "_bashrc"),
        ("...", "index"),
        ("x.part", "x.part_"),
        ("x.PaRt/y", "x.PaRt_/y"),
        ("x.part . /y", "x.part_/y"),
        ("records.jsonl", "records_.jsonl"),
        ("Records.JSONL", "Records_.JSONL"),
        ("records.jsonl/x", "records_.jsonl/x"),
        ("a/records.jsonl", "a/records.jsonl"),
        (".scraper/ledger.db", "_scraper/ledger.db"),
        ("․Scraper/x", "․Scraper_/x"),
        (f"cat{M}", f"cat{M}"),
        (M, f"index{M}"),
    ],
)
def test_a_rendered_template_becomes_a_safe_path(rendered: str, expected: str) -> None:
    assert safe_path(rendered) == expected


@pytest.mark.parametrize(
    ("rendered", "records", "expected"),
    [
        ("rows.csv", "rows.csv", "rows_.csv"),
        ("out/rows.csv", "out/rows.csv", "out/rows_.csv"),
        ("out/rows.csv/x", "out/rows.csv", "out/rows_.csv/x"),
        ("out", "out/rows.csv", "out_"),
        ("out/x", "out/rows.csv", "out/x"),
        ("records.jsonl", "", "records.jsonl"),
    ],
)
def test_no_path_is_in_the_way_of_the_records(rendered: str, records: str, expected: str) -> None:
    assert safe_path(rendered, records_name=records) == expected


@pytest.mark.parametrize("ending", [".jpeg", ".tar.gz", ".unknown", M])
@pytest.mark.parametrize("letter", ["a", "é", "猫", "😀", "q\u0323\u0301"])
def test_a_long_name_is_cut_to_250_bytes_between_letters_and_keeps_its_extension(letter: str, ending: str) -> None:
    name = safe_path(letter * 300 + ending)

    stem = name.removesuffix(ending)
    assert stem == letter * ((250 - len(ending.encode())) // len(letter.encode()))
    assert name == stem + ending


def test_a_name_of_nothing_but_combining_marks_is_cut_too() -> None:
    assert safe_path("\u0301" * 5000) == "\u0301" * 125


def test_a_path_is_at_most_64_segments_deep() -> None:
    assert safe_path("d/" * 100 + "x.jpg") == "d/" * 63 + "x.jpg"


def test_a_path_keeps_as_many_folders_as_3500_bytes_hold() -> None:
    assert safe_path(("d" * 199 + "/") * 40 + "x.jpg") == ("d" * 199 + "/") * 17 + "x.jpg"


@given(texts)
def test_every_safe_path_stays_inside_and_is_a_fixed_point(text: str) -> None:
    path = safe_path(text)

    assert_safe(path)
    assert safe_path(path) == path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", True),
        ("a.JPEG", True),
        ("d.e/a.tar.gz", True),
        ("a.php", False),
        ("a.jpg/b", False),
        (".jpg", False),
        ("v1.0", False),
        (f"a{M}", False),
        ("", False),
    ],
)
def test_known_extensions_are_those_of_files(name: str, expected: bool) -> None:
    assert has_known_ext(name) is expected
    assert is_open(name) is not expected


@pytest.mark.parametrize(
    ("path", "ext", "expected"),
    [
        (f"a/cat{M}", ".jpg", "a/cat.jpg"),
        (f"a/cat{M}", "", "a/cat"),
        (f"cat{M}-small", ".jpg", "cat.jpg-small"),
        (f"{M}/cat{M}", ".jpg", "_jpg/cat.jpg"),
        ("cat", ".jpg", "cat.jpg"),
        ("cat", "", "cat"),
        ("v1.0", ".zip", "v1.0.zip"),
        ("cat.png", ".jpg", "cat.png"),
        (f"records{M}", ".jsonl", "records_.jsonl"),
        (f"x.part{M}", "", "x.part_"),
        (f"CON{M}", ".txt", "_CON.txt"),
        (f"name .{M}", "", "name"),
        (f"a{M}", ".x/../../y", "a.x_.._.._y"),
    ],
)
def test_the_response_completes_a_path(path: str, ext: str, expected: str) -> None:
    assert complete(safe_path(path), ext) == expected


def test_a_long_name_keeps_the_extension_that_completes_it() -> None:
    assert complete("é" * 125, ".jpeg") == "é" * 122 + ".jpeg"


@given(paths, st.sampled_from(["", ".jpg", ".tar.gz", ".geojson", ".part", "/../x", ".."]))
def test_completed_paths_are_safe_and_without_mark(path: str, ext: str) -> None:
    done = complete(path, ext)

    assert_safe(done)
    assert M not in done


@given(paths)
def test_the_reserved_form_is_safe_and_what_an_unknown_type_leaves(path: str) -> None:
    assert_safe(without_mark(path))
    assert without_mark(path) == complete(path, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/cat.jpg", "a/cat~{digits}.jpg"),
        ("cat", "cat~{digits}"),
        ("a.b/cat.tar.gz", "a.b/cat~{digits}.tar.gz"),
        (f"cat{M}", "cat~{digits}" + M),
        ("猫" * 82 + ".jpg", "猫" * 79 + "~{digits}.jpg"),
    ],
)
def test_a_second_claim_gets_digits_of_its_keys_digest(path: str, expected: str) -> None:
    assert distinct(path, "http://h/cat.jpg") == expected.format(digits=DIGEST[:8])


def test_more_digits_make_a_name_free() -> None:
    assert distinct("cat.jpg", "http://h/cat.jpg", 12) == f"cat~{DIGEST[:12]}.jpg"


@given(paths, st.text(), st.integers(8, 64))
def test_distinct_paths_are_safe_and_keep_folder_and_key_apart(path: str, key: str, digits: int) -> None:
    other = distinct(path, key, digits)

    assert_safe(other)
    assert other.rpartition("/")[0] == path.rpartition("/")[0]
    assert fold(other) != fold(distinct(path, key + "x", digits))


@pytest.mark.parametrize(
    ("path", "n", "expected"),
    [
        ("cat.jpg", 1, "cat.jpg"),
        ("cat.jpg", 2, "cat-2.jpg"),
        ("a.b/cat", 3, "a.b/cat-3"),
        (f"cat{M}", 2, f"cat-2{M}"),
        ("a" * 246 + ".jpg", 10, "a" * 243 + "-10.jpg"),
    ],
)
def test_the_files_of_one_item_are_numbered_before_the_extension(path: str, n: int, expected: str) -> None:
    assert number(path, n) == expected


def test_a_number_does_not_lead_to_the_records_file() -> None:
    assert number("rows.csv", 2, records_name="rows-2.csv") == "rows-2_.csv"


def test_a_part_lies_beside_its_goal() -> None:
    assert part_name("a/cat.jpg") == "a/cat.jpg.part"
    assert part_name("a/cat.jpg", "http://h/cat.jpg") == f"a/cat.jpg~{DIGEST[:8]}.part"


@given(paths, st.none() | st.text())
def test_a_part_has_at_most_255_bytes_and_ends_in_part(path: str, key: str | None) -> None:
    part = part_name(path, key)

    assert len(part.rpartition("/")[2].encode()) <= 255
    assert part.endswith(".part")


@given(paths, paths)
def test_parts_of_different_goals_differ(one: str, other: str) -> None:
    assert (part_name(one) == part_name(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.jpg", "a.JPG"),
        ("é.txt", "e\u0301.txt"),
        ("É.txt", "e\u0301.txt"),
        ("straße", "STRASSE"),
        ("K", "k"),
        ("ſ", "S"),
        ("ı", "I"),
        ("Σ", "ς"),
        ("ﬁ", "fi"),
        ("a\u200db", "ab"),
        ("Å", "Å"),
    ],
)
def test_names_that_a_file_system_takes_for_one_fold_together(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("e", "é"), ("a-b", "a_b"), ("a/b", "ab"), ("1", "l")])
def test_names_that_no_file_system_confuses_fold_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_fold_sees_neither_case_nor_normal_form(text: str, form: str) -> None:
    folded = fold(text)

    assert fold(folded) == folded
    assert fold(unicodedata.normalize(form, text)) == folded
    assert fold(text.upper()) == fold(text.lower()) == folded
