"""Published cases for Content-Disposition and names, from the folder that CONFORMANCE names."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scraper.files.disposition import filename_from, parse_disposition
from scraper.files.naming import complete, distinct, fold, safe_path, url_name

FOLDER = os.environ.get("CONFORMANCE")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CONFORMANCE does not name the folder of the published cases")


def cases(name: str) -> list[Any]:
    assert FOLDER is not None
    loaded: list[Any] = json.loads(Path(FOLDER, name).read_text(encoding="utf-8"))
    return loaded


def fits(case: dict[str, Any]) -> bool:
    found = parse_disposition(case["header"])
    return {"type": found.type, "parameters": found.params} == case["expect"]


def test_all_87_cases_of_tc_2231_are_read_as_published() -> None:
    missed = [
        case["header"] for case in cases("content-disposition.json") if "TC 2231" in case["group"] and not fits(case)
    ]

    assert missed == []


def test_all_cases_without_a_librarys_own_option_are_read_as_published() -> None:
    missed = [case["header"] for case in cases("content-disposition.json") if not case["options"] and not fits(case)]

    assert missed == []


def stays_inside(path: str) -> bool:
    """Judged as text alone: no path of these strings is ever given to a file system."""
    segments = path.split("/")
    return (
        not {"", ".", ".."} & set(segments)
        and all(len(segment.encode()) <= 250 and not set(segment) & set("\\\0:") for segment in segments)
        and not path.startswith(("/", "-", "."))
    )


def test_every_published_file_name_stays_in_its_folder() -> None:
    names = [filename_from(case["header"]) for case in cases("content-disposition.json")]

    assert [name for name in names if name and ("/" in safe_path(name) or not stays_inside(safe_path(name)))] == []


def ways_in(text: str) -> list[str]:
    """A hostile string as a template's output, as a header's file name, and as a URL's path."""
    header = f'attachment; filename="{text}"'
    return [
        text,
        filename_from(header) or "",
        url_name("http://host/" + text).filename,
        text.replace("/", "_"),
    ]


def test_no_naughty_string_leads_outside() -> None:
    paths = [safe_path(way) for text in cases("naughty-strings.json") for way in ways_in(text)]
    done = [complete(path, ".jpg") for path in paths]

    assert [path for path in paths + done if not stays_inside(path)] == []
    assert [path for path in paths if safe_path(path) != path] == []


def test_no_two_naughty_strings_share_a_name() -> None:
    taken: set[str] = set()
    shared = []
    for text in dict.fromkeys(cases("naughty-strings.json")):  # some stand there twice: the same key
        path = safe_path(text.replace("/", "_"))
        if fold(path) in taken:
            path = distinct(path, text)
        if fold(path) in taken:
            shared.append(text)
        taken.add(fold(path))

    assert shared == []
