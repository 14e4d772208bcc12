"""Cases from their tapes: recorded once, replayed with the source gone, held to what they expect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import DiskError, JobError, TapeError
from scraper.run.control import Control
from scraper.server import Server, Site
from scraper.server.answers import Response
from scraper.server.fixture.pictures import picture
from scraper.testing import cases
from scraper.testing.cases import Case, Replays, StoppedError, load_cases, record_job, run_case, update

JOB = """\
name: shop
vars: {{base: "{base}", shelf: shelf}}
http: {{retry: {{first_wait: 0}}}}
start: ["{{{{ base }}}}/{{{{ shelf }}}}"]
rules:
  book:
    each: "li"
    item: {{title: "b", price: {{css: "i", type: float}}, seen: "{{{{ date | date }}}}"}}
    key: title
    files: {{select: "img", path: "{{{{ item.title }}}}{{{{ ext }}}}"}}
"""
BOOK = '<li><b>{0}</b><i>{1}</i><img src="/{0}.png"></li>'


TWO = (("Red", 1), ("Blue", 12.5))


def recorded(folder: Path, *books: tuple[str, Any], **options: Any) -> Path:
    """A job and its tape, of a shop of (title, price) that has closed since."""
    site, path = Site(), folder / "shop.yaml"
    site.route("/shelf")(lambda request: "".join(BOOK.format(*book) for book in books))
    site.route("/<name>.png")(lambda request, name: Response(200, {"Content-Type": "image/png"}, picture(1, "png")))
    with Server(site) as server:
        path.write_text(JOB.format(base=server.url))
        record_job(path, **options)
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop of two books, recorded once."""
    return recorded(tmp_path_factory.mktemp("two"), *TWO)


@pytest.fixture
def shop(tmp_path: Path, two: Path) -> Callable[..., Path]:
    """`shop(*books, tests=, limit=, variables=)`: a recorded job with these `tests:`."""

    def make(*books: tuple[str, Any], tests: str = "", **options: Any) -> Path:
        if books == TWO and not options:
            path = shutil.copytree(two.parent, tmp_path, dirs_exist_ok=True) / two.name
        else:
            path = recorded(tmp_path, *books, **options)
        path.write_text(path.read_text() + tests)
        return path

    return make


def only(path: Path) -> Case:
    (case,) = load_cases(path)
    return case


def told(path: Path, name: str | None = None, **options: Any) -> list[tuple[str, str]]:
    """Aspect and text of what is not met, of one case or of all."""
    found = [run_case(case, **options) for case in load_cases(path) if name in (None, case.name)]
    return [(each.aspect, each.text) for result in found for each in result.mismatches]


def test_the_golden_pair_of_a_job_without_tests_is_its_one_case(shop: Any) -> None:
    path = shop(*TWO)
    case = only(path)
    assert (case.name, case.aspects, case.id) == ("tape", cases.GOLDEN_ASPECTS, f"{path}::tape")
    assert run_case(case).ok


def test_a_job_without_tests_and_tape_has_no_case(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(JOB.format(base="http://127.0.0.1:9"))
    assert load_cases(tmp_path / "shop.yaml") == []


def test_cases_have_the_aspects_of_what_they_are_held_to_and_the_line_they_stand_on(shop: Any) -> None:
    path = shop(*TWO, tests="tests:\n  a: {expect: {items: 2, failed: 0}}\n  b: {}\n  c: {faults: [{do: cut}]}\n")
    found = [(case.name, case.aspects, case.line) for case in load_cases(path)]
    assert found == [
        ("a", ("items", "failed"), 12),
        ("b", ("exit_code", "pages", "records", "files", "warnings"), 13),
        ("c", ("records", "files", "endings"), 14),
    ]


def test_the_golden_file_is_sorted_by_url_and_says_what_came(shop: Any) -> None:
    golden = json.loads((shop(*TWO).parent / "tapes" / "shop.expect.json").read_text())
    assert list(golden) == ["exit_code", "pages", "files", "records", "warnings"]
    assert [(one["path"], one["ending"]) for one in golden["files"].values()] == [
        ("Blue.png", "saved"),
        ("Red.png", "saved"),
    ]
    assert [record["title"] for record in golden["records"]] == ["Red", "Blue"]
    assert (golden["exit_code"], golden["warnings"]) == (0, [])


def test_what_the_job_reads_otherwise_now_is_told_with_rule_field_selector_and_page(shop: Any) -> None:
    path = shop(*TWO)
    url = json.loads((path.parent / "tapes" / "shop.expect.json").read_text())["records"][0]["_url"]
    path.write_text(path.read_text().replace('css: "i"', 'css: "em"'))
    assert told(path) == [
        ("records", f'book.price: selector "em" found nothing on {url} (2 items); expected 1.0'),
    ]  # fmt: skip


def test_update_takes_what_is_now_for_right_and_says_so_once(shop: Any) -> None:
    path = shop(*TWO)
    path.write_text(path.read_text().replace('css: "i"', 'css: "em"'))
    assert update(only(path)) == path.parent / "tapes" / "shop.expect.json"
    assert (update(only(path)), told(path)) == (None, [])


def test_update_leaves_alone_what_stands_in_the_job_file(shop: Any) -> None:
    path = shop(*TWO, tests="tests: {a: {expect: {items: 5}}}\n")
    assert (update(only(path)), told(path)) == (None, [("items", "2 items, not 5")])


def test_variables_of_the_tape_hold_and_those_of_a_case_are_laid_over_them(shop: Any) -> None:
    path = shop(*TWO, tests="tests: {tape: {expect: {items: 2}}, other: {vars: {shelf: no}, expect: {items: 2}}}\n",
                variables={"shelf": "shelf"})  # fmt: skip
    path.write_text(path.read_text().replace("shelf: shelf", "shelf: elsewhere"))
    assert told(path, "tape") == []
    (nothing, why) = told(path, "other")
    assert nothing == ("items", "0 items, not 2")
    assert "the tape has no GET" in why[1]


def test_the_clock_of_a_case_stands_at_its_time(shop: Any) -> None:
    path = shop(*TWO, tests='tests: {a: {time: "2020-02-03T00:00:00Z", expect: {records: [{seen: "2020-02-03"}]}}}\n')
    assert told(path) == []


def test_the_limit_of_the_tape_holds_unless_a_case_has_another(shop: Any) -> None:
    tests = "tests: {tape: {expect: {items: 2}}, one: {limit: 1, expect: {items: 1}}}\n"
    assert told(shop(*TWO, ("Green", 3), tests=tests, limit=2)) == []


def test_with_faults_a_case_is_held_to_what_comes_without_them(shop: Any) -> None:
    tests = (
        "tests:\n  mended: {faults: [{url: '*.png', do: reset, times: 2}]}\n"
        "  spoilt: {faults: [{url: '*/Red.png', do: status, code: 404}]}\n"
    )
    path = shop(*TWO, tests=tests)
    spoilt = told(path, "spoilt")
    assert told(path, "mended") == []
    assert [aspect for aspect, _ in spoilt] == ["records", "files", "endings", "endings"]
    assert "Red.png: failed:http:404 instead of saved" in spoilt[1][1]
    assert spoilt[0][1].endswith('/Red.png: failed:http:404; expected ["Red.png"]')


def test_a_fault_that_strikes_nothing_is_noted(shop: Any) -> None:
    tests = "tests:\n  a: {faults: [{url: '*.jpg', do: reset}, {url: '*.png', do: reset, times: 1}]}\n"
    path = shop(*TWO, tests=tests + "  b: {faults: [{do: reset, after: 9}], expect: {items: 2}}\n")
    found = [run_case(case) for case in load_cases(path)]
    cure = "struck no request; check its url, host and after"
    assert [(each.mismatches, each.notes) for each in found] == [
        ((), (f'the fault {{"do": "reset", "url": "*.jpg"}} {cure}',)),
        ((), (f'the fault {{"do": "reset", "after": 9}} {cure}',)),
    ]


def test_cases_that_differ_in_what_they_expect_share_one_replay(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from scraper.run import replay as module

    tests = "tests: {a: {expect: {items: 2}}, b: {expect: {files: 2}}, c: {limit: 1, expect: {items: 1}}}\n"
    path, count, real = shop(*TWO, tests=tests), [], module.replay
    monkeypatch.setattr(module, "replay", lambda *args, **options: count.append(1) or real(*args, **options))
    replays = Replays()
    assert all(run_case(case, replays=replays).ok for case in load_cases(path))
    assert len(count) == 2


def test_a_missing_tape_is_told_with_the_cure(shop: Any) -> None:
    path = shop(*TWO, tests="tests: {a: {tape: tapes/other.warc.gz, expect: {items: 2}}}\n")
    with pytest.raises(TapeError, match=r"other\.warc\.gz: there is no such tape; record it: scraper record .*shop"):
        run_case(only(path))


def test_a_missing_golden_file_is_told_with_the_cure(shop: Any) -> None:
    path = shop(*TWO, tests="tests: {a: {}}\n")
    (path.parent / "tapes" / "shop.expect.json").unlink()
    with pytest.raises(TapeError, match=r"scraper test --update"):
        run_case(only(path))


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"pages": {}}', '{"exit_code": "0"}', "[" * 100_000, "\xff",
        '{"exit_code": 0, "pages": {}, "files": {"a": 1}, "records": [], "warnings": []}',
        '{"exit_code": 0, "pages": {}, "files": {"a": {}}, "records": [], "warnings": []}',
        '{"exit_code": 0, "pages": {}, "files": {}, "records": [1], "warnings": []}',
        '{"exit_code": 0, "pages": {}, "files": {}, "records": [{"_url": []}], "warnings": []}',
        '{"exit_code": 0, "pages": {}, "files": {}, "records": [], "warnings": [{}]}',
        '{"exit_code": 0, "pages": {"GET /": []}, "files": {}, "records": [], "warnings": []}',
    ],
    ids=range(12),
)  # fmt: skip
def test_a_golden_file_that_is_none_is_told_and_can_be_written_anew(shop: Any, text: str) -> None:
    path = shop(*TWO)
    (path.parent / "tapes" / "shop.expect.json").write_text(text, "latin-1")
    with pytest.raises(TapeError, match=r"shop\.expect\.json.*scraper test --update"):
        run_case(only(path))
    update(only(path))
    assert run_case(only(path)).ok


def test_mistakes_of_a_job_are_told_when_its_cases_are_loaded(shop: Any) -> None:
    path = shop(*TWO, tests="tests: {a: {}}\n")
    path.write_text(path.read_text().replace("tests: {a: {}}", "tests: {a: {expct: {}}}"))
    with pytest.raises(JobError, match=r'shop\.yaml:11:13: tests\.a\.expct: unknown key; did you mean "expect"\?'):
        load_cases(path)


def test_records_of_any_form_are_read_from_the_ledger(shop: Any) -> None:
    path = shop(
        *TWO,
        tests="records: r.csv\ntests: {a: {expect: {records: [{title: Blue, price: 12.5, _files: [Blue.png]}]}}}\n",
    )
    assert told(path) == []


def test_a_stopped_replay_is_no_result(shop: Any) -> None:
    control = Control()
    control.stop(130)
    with pytest.raises(StoppedError) as stopped:
        run_case(only(shop(*TWO)), replays=Replays(control))
    assert stopped.value.exit_code == 130


def test_recording_tells_what_it_wrote_and_that_the_replay_is_the_live_run(tmp_path: Path) -> None:
    site, path = Site(), tmp_path / "shop.yaml"
    site.route("/shelf")(lambda request: BOOK.format(*TWO[0]))
    with Server(site) as server:
        path.write_text(JOB.format(base=server.url) + "on_finish: [touch, here]\n")
        made = record_job(path)
    assert (made.tape, made.golden) == (tmp_path / "tapes/shop.warc.gz", tmp_path / "tapes/shop.expect.json")
    assert (made.summary.exit_code, made.differences, made.size) == (4, (), made.tape.stat().st_size)
    assert sorted(each.name for each in tmp_path.rglob("*")) == [
        "shop.expect.json",
        "shop.warc.gz",
        "shop.yaml",
        "tapes",
    ]


def test_a_secret_that_a_page_writes_otherwise_is_not_told_as_what_the_replay_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", 'qu"ote\\d-1234')
    site, path = Site(), tmp_path / "shop.yaml"
    site.route("/")(lambda request: f"<b>{json.dumps(request.headers.get('X-Key'))}</b>")
    with Server(site) as server:
        path.write_text(
            f"name: shop\nstart: [{{url: '{server.url}/', headers: {{X-Key: \"{{{{ env('KEY') }}}}\"}}}}]\n"
            "rules: {page: {item: {told: b}}}\n"
        )
        made = record_job(path)
    assert made.differences == ()
    assert '"{env:KEY}"' in json.loads(made.golden.read_text())["records"][0]["told"]


def test_a_recording_that_is_stopped_writes_nothing(tmp_path: Path) -> None:
    path, control = tmp_path / "shop.yaml", Control()
    path.write_text(JOB.format(base="http://127.0.0.1:9"))
    control.stop(130)
    with pytest.raises(StoppedError):
        record_job(path, control=control)
    assert [each.name for each in (tmp_path / "tapes").iterdir()] == []


def test_a_run_that_ends_by_itself_is_a_result_and_stops_no_other(tmp_path: Path) -> None:
    """A token that is not renewed ends a run; nobody stopped it."""
    site, path, asked = Site(), tmp_path / "shop.yaml", list[int]()

    @site.route("/token", ("POST",))
    def token(request: Any) -> Any:
        asked.append(1)
        return {"access_token": "token-number-1"} if len(asked) == 1 else Response(400, {}, b"")

    site.route("/shelf")(lambda request: Response(401, {}, b""))
    with Server(site) as server:
        job = JOB.format(base=server.url) + 'login: [{token: "{{ base }}/token"}]\n'
        path.write_text(job + "tests: {one: {expect: {exit_code: 4}}, two: {expect: {exit_code: 4}, limit: 9}}")
        made = record_job(path, control=Control())
    assert (made.summary.exit_code, made.differences, made.golden.is_file()) == (4, (), True)
    assert told(path, replays=Replays(Control())) == []


def test_where_no_tape_or_golden_file_can_be_written_it_is_told_and_nothing_half_written_is_left(
    tmp_path: Path,
) -> None:
    path, tapes = tmp_path / "shop.yaml", tmp_path / "tapes"
    path.write_text(JOB.format(base="http://127.0.0.1:9"))
    tapes.touch()
    with pytest.raises(DiskError, match=f"{tapes}: File exists"):
        record_job(path)
    tapes.unlink()
    (tapes / "shop.expect.json").mkdir(parents=True)
    with pytest.raises(DiskError, match=r"shop\.expect\.json: Is a directory"):
        record_job(path)
    assert sorted(each.name for each in tapes.iterdir()) == ["shop.expect.json", "shop.warc.gz"]
