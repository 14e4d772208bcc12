"""Published cases for Content-Disposition and names, from the folder that CONFORMANCE names."""

from typing import Any

from scraper.files.disposition import filename_from, parse_disposition
from scraper.files.naming import complete, distinct, fold, safe_path, url_name


def fits(case: dict[str, Any]) -> bool:
    found = parse_disposition(case["header"])
    return {"type": found.type, "parameters": found.params} == case["expect"]


def test_all_87_cases_of_tc_2231_are_read_as_published(published: Any, figure: Any) -> None:
    cases = [case for case in published("content-disposition.json") if "TC 2231" in case["group"]]
    missed = [case["header"] for case in cases if not fits(case)]

    figure(f"content-disposition.json, TC 2231: {len(cases) - len(missed)} of {len(cases)} (>= 83 asked)")
    assert (len(cases), missed) == (87, [])


def test_all_cases_without_a_librarys_own_option_are_read_as_published(published: Any, figure: Any) -> None:
    cases = [case for case in published("content-disposition.json") if not case["options"]]
    missed = [case["header"] for case in cases if not fits(case)]

    figure(f"content-disposition.json, without options: {len(cases) - len(missed)} of {len(cases)}")
    assert missed == []


def stays_inside(path: str) -> bool:
    """Judged as text alone: no path of these strings is ever given to a file system."""
    segments = path.split("/")
    return (
        not {"", ".", ".."} & set(segments)
        and all(len(segment.encode()) <= 250 and not set(segment) & set("\\\0:") for segment in segments)
        and not path.startswith(("/", "-", "."))
    )


def test_every_published_file_name_stays_in_its_folder(published: Any, figure: Any) -> None:
    names = [filename_from(case["header"]) for case in published("content-disposition.json")]
    outside = [name for name in names if name and ("/" in safe_path(name) or not stays_inside(safe_path(name)))]

    figure(f"content-disposition.json, names outside their folder: {len(outside)} of {len(names)}")
    assert outside == []


def ways_in(text: str) -> list[str]:
    """A hostile string as a template's output, as a header's file name, and as a URL's path."""
    header = f'attachment; filename="{text}"'
    return [
        text,
        filename_from(header) or "",
        url_name("http://host/" + text).filename,
        text.replace("/", "_"),
    ]


def test_no_naughty_string_leads_outside(published: Any, figure: Any) -> None:
    texts = published("naughty-strings.json")
    paths = [safe_path(way) for text in texts for way in ways_in(text)]
    done = [complete(path, ".jpg") for path in paths]
    outside = [path for path in paths + done if not stays_inside(path)]

    figure(f"naughty-strings.json, names outside their folder: {len(outside)} of {len(texts)} strings")
    assert outside == []
    assert [path for path in paths if safe_path(path) != path] == []


def test_no_two_naughty_strings_share_a_name(published: Any, figure: Any) -> None:
    taken: set[str] = set()
    shared = []
    for text in dict.fromkeys(published("naughty-strings.json")):  # some stand there twice: the same key
        path = safe_path(text.replace("/", "_"))
        if fold(path) in taken:
            path = distinct(path, text)
        if fold(path) in taken:
            shared.append(text)
        taken.add(fold(path))

    figure(f"naughty-strings.json, names shared by two: {len(shared)}")
    assert shared == []
