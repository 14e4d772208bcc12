"""`expect` of a run: what decides exit code 7, and what it leaves alone."""

from __future__ import annotations

import json

import pytest

from scraper.errors import JobError

JOB = {
    "start": ["{{ base }}/"],
    "rules": {"r": {"each": "li", "item": {"title": "b", "price": "i"}, "key": "title", "files": "img"}},
}


def page(*rows, broken=0):
    images = [f'<img src="/missing{at}.png">' for at in range(broken)]
    items = "".join(f"<li><b>{title}</b><i>{price}</i></li>" for title, price in rows)
    return items + f"<li><b>images</b><i>1</i>{''.join(images)}</li>"


@pytest.fixture
def shop(site, serve):
    """`shop(*rows, broken=)`: a server of a page of items, and the list of what the page says, to be changed."""
    state = []

    def make(*rows, **options):
        state[:] = [page(*rows, **options)]
        if make.server is None:
            site.route("/")(lambda request: state[0])
            make.server = serve(site)
        return make.server

    make.server = None
    return make


def job(**expect):
    return {**JOB, "expect": expect}


def errors(ran):
    return [line["message"] for line in ran.log if line["level"] == "error"]


def test_a_run_that_brings_what_is_expected_ends_with_0(shop, run_job):
    server = shop(("a", 1), ("b", 2))
    ran = run_job(server, job(items=">= 3", failed=0, filled={"price": ">= 100%"}, drop="<= 1%"))
    assert (ran.code, errors(ran)) == (0, [])


def test_a_miss_ends_with_7_and_names_the_selector_that_went_empty(shop, run_job):
    server = shop(("a", 1), ("b", ""), ("c", ""))
    ran = run_job(server, job(items=4, filled={"price": ">= 95%"}))
    miss = "expect.filled.price: 2 of 4 items (50 %) have it, not >= 95%; r.price: selector"
    found = f"found nothing on {server.url}/ (and for 1 more item of 4)"
    assert (ran.code, errors(ran)) == (7, [f'{miss} "i" {found}'])
    assert ran.view("v_runs")[0]["exit_code"] == 7
    assert json.loads((ran.dest / ".scraper/runs" / ran.summary.run / "summary.json").read_text())["exit_code"] == 7


def test_a_bound_on_what_may_fail_stands_for_exit_code_4(shop, run_job, tmp_path):
    server = shop(("a", 1), broken=2)
    within = run_job(server, job(failed="<= 2"), dest=tmp_path / "1")
    beyond = run_job(server, job(failed="<= 10%"), dest=tmp_path / "2")
    unsaid = run_job(server, job(items=">= 1"), dest=tmp_path / "3")
    assert (within.code, beyond.code, unsaid.code) == (0, 7, 4)
    assert errors(beyond) == ["expect.failed: 2 of 5 pages, items and files failed (40 %), not <= 10%"]


def test_what_is_skipped_was_not_tried_and_thins_no_share(site, serve, run_job):
    links = "".join(f'<a href="http://elsewhere.invalid/{at}">x</a>' for at in range(50))
    site.route("/")(lambda request: f'<h1>t</h1><a href="/missing">x</a>{links}')
    rules = {"r": {"item": {"t": "h1"}, "follow": {"r": "a"}}}
    ran = run_job(serve(site), {"start": ["{{ base }}/"], "rules": rules, "expect": {"failed": "<= 20%"}})
    assert errors(ran) == ["expect.failed: 1 of 3 pages, items and files failed (33.3 %), not <= 20%"]


def test_files_that_stand_there_already_count(items_job, shelf, run_job):
    server = shelf({"/a.png": b"a", "/b.png": b"b"})
    given = {**items_job(), "expect": {"files": 2}}
    assert [run_job(server, given).code, run_job(server, given).code] == [0, 0]


def test_a_failed_login_ends_with_4_whatever_is_expected(site, serve, run_job):
    site.route("/")(lambda request: "<h1>t</h1>")
    given = {**JOB, "login": [{"get": "{{ base }}/nowhere"}], "expect": {"items": ">= 20", "failed": "<= 100%"}}
    ran = run_job(serve(site), given)
    assert (ran.code, errors(ran)) == (4, [])


def test_with_a_limit_nothing_is_expected(shop, run_job):
    assert run_job(shop(("a", 1), broken=1), job(items=9, failed="<= 100%"), limit=1).code == 0
    assert run_job(shop(("a", 1), broken=1), job(items=9, failed="<= 100%"), limit=2).code == 4


def test_a_run_that_is_stopped_is_not_judged_and_the_one_that_ends_it_is(
    rows_site, site, serve, numbered, run_job, stop_after
):
    rows_site(site, numbered(20))
    server, (events, control) = serve(site), stop_after(1, "ok")
    rules = {"r": {"read": "json", "each": "rows[*]", "item": {"t": "t"}, "key": "t", "next": {"page": "page"}}}
    given = {"start": ["{{ base }}/api"], "rules": rules, "expect": {"items": ">= 21"}}
    stopped, ended = run_job(server, given, events=events, control=control), run_job(server, given)
    assert (stopped.code, ended.code, ended.summary.run) == (130, 7, stopped.summary.run)


def test_a_drop_is_measured_against_the_last_complete_run_until_it_is_made_good(shop, run_job):
    many, few = [(f"t{at}", 1) for at in range(9)], [("t0", 1)]
    runs = [run_job(shop(*rows), job(drop="<= 50%")) for rows in (few, many, few, few, many)]
    assert [ran.code for ran in runs] == [0, 0, 7, 7, 0]
    assert errors(runs[3]) == ["expect.drop: 2 items where the last complete run met 10, 8 fewer (80 %), not <= 50%"]


def test_a_run_that_misses_what_is_expected_is_not_complete_and_takes_no_record_away(shop, run_job):
    run_job(shop(("a", 1), ("b", 2)), job(items=">= 3"))
    ran = run_job(shop(), job(items=">= 3"))
    assert (ran.code, ran.view("v_runs")[0]["complete"], sorted(ran.fields("title"))) == (7, 0, ["a", "b", "images"])


def test_where_the_summary_of_the_last_run_is_gone_a_drop_is_not_judged_and_that_is_told(shop, run_job):
    first = run_job(shop(("a", 1), ("b", 2)), job(drop="<= 1%"))
    (first.dest / ".scraper" / "runs" / first.summary.run / "summary.json").unlink()
    ran = run_job(shop(), job(drop="<= 1%"))
    warned = [line["message"] for line in ran.log if "nothing to compare with" in line["message"]]
    assert (ran.code, len(warned)) == (0, 1)


def test_fields_of_rows_may_be_expected(site, serve, run_job, tmp_path):
    (tmp_path / "list.csv").write_text("url,width\n/a.png,10\n/b.png,\n")
    site.route("/<name>")(lambda request, name: b"x")
    start = [{"list": "list.csv", "url": "{{ base }}{{ row.url }}", "as": "files"}]
    ran = run_job(serve(site), {"start": start, "expect": {"filled": {"width": ">= 2"}}})
    assert (ran.code, [error.partition(";")[0] for error in errors(ran)]) == (
        7,
        ["expect.filled.width: 1 of 2 items (50 %) have it, not >= 2"],
    )


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"items": ">= 5%"}, "expect.items: >= 5%: of what? write a number"),
        ({"filled": {"prize": "> 1"}}, 'no rule gives a field "prize"; did you mean "price"?'),
        ({"drop": "20"}, "is not a condition"),
    ],
)
def test_what_cannot_be_judged_is_a_mistake_of_the_job(run_job, expect, told):
    with pytest.raises(JobError) as error:
        run_job("http://127.0.0.1:9", job(**expect))
    assert told in str(error.value)
