"""`scraper report`: where the page of a run is, made again where it is missing."""

from __future__ import annotations

import html
import re
import shlex

import pytest

from scraper.server import Response


@pytest.fixture
def ran(site, serve, job, pages, pixels, write_job, scraper):
    """A job that was run: one item with a file, and a file that fails."""
    pages(site, page='<h1>=A</h1><i>5</i><img src="/a.png"><img src="/missing.png">')
    pixels(site, "a.png")
    path = write_job(job, serve(site).url, "item: {title: h1, price: i}\nfiles: img\n", "")
    assert scraper("run", path).code == 4
    return path


@pytest.fixture
def page_of(folder):
    """`page_of()`: the page of the newest run."""
    return lambda: sorted((folder / "output/mine/.scraper/runs").iterdir())[-1] / "report.html"


def test_it_prints_where_the_page_of_the_newest_run_is(ran, scraper, folder, page_of):
    told = scraper("report", ran)
    assert (told.code, told.err, [folder / each for each in told.lines]) == (0, "", [page_of()])
    assert scraper("report", "-d", "output/mine").out == told.out


def test_a_page_that_is_missing_is_made_with_the_settings_of_the_job(ran, scraper, page_of):
    page_of().unlink()
    assert scraper("report", ran).code == 0
    assert "Settings used" in page_of().read_text("utf-8")
    page_of().unlink()
    assert scraper("report", "-d", "output/mine").code == 0
    assert "Settings used" not in page_of().read_text("utf-8")


def test_a_page_that_stands_is_made_again_only_where_that_is_wanted(ran, scraper, page_of):
    whole = page_of().read_text("utf-8")
    page_of().write_text(whole.replace("<h1>", "<h1>old "), "utf-8")
    scraper("report", ran)
    assert "<h1>old " in page_of().read_text("utf-8")
    scraper("report", ran, "--rebuild")
    assert page_of().read_text("utf-8") == whole


def test_it_is_written_elsewhere_with_links_that_lead_to_the_files(ran, scraper, folder):
    assert scraper("report", ran, "-o", "page.html").lines == ["page.html"]
    assert 'href="output/mine/' in (folder / "page.html").read_text("utf-8")


def test_many_runs_stand_on_one_page_that_links_to_theirs(ran, scraper, folder, page_of):
    scraper("run", ran)
    told = scraper("report", ran, "--last", "5", "--json").json
    assert len(told["runs"]) == 2
    text = (folder / told["report"]).read_text("utf-8")
    assert [f'href="runs/{run}/report.html"' in text for run in told["runs"]] == [True, True]
    assert scraper("report", ran, "--all").lines == [told["report"]]
    assert len(scraper("report", ran, "--last", "1", "--json").json["runs"]) == 1


def test_the_run_that_is_named_is_told(ran, scraper, page_of):
    first = page_of()
    scraper("run", ran)
    assert scraper("report", ran, "--run", first.parent.name).out.endswith(f"{first.parent.name}/report.html\n")
    assert scraper("report", ran, "--run", "none").code == 2


def test_one_run_and_many_are_not_asked_for_at_once(ran, scraper):
    assert scraper("report", ran, "--run", "x", "--all").code == 2
    assert scraper("report").code == 2


def test_a_place_that_cannot_be_written_is_told(ran, scraper, folder):
    (folder / "file").write_text("")
    told = scraper("report", ran, "-o", "file/page.html")
    assert (told.code, "cannot be written" in told.err) == (2, True)


def test_it_is_opened_on_demand_alone(ran, scraper, monkeypatch, page_of):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    scraper("report", ran)
    assert opened == []
    scraper("report", ran, "--open")
    assert opened == [page_of().resolve().as_uri()]


def test_what_it_proposes_works_as_it_stands(site, serve, job, write_job, folder, scraper):
    site.route("/page")(lambda request: '<h1>A</h1><img src="/b.png">')
    site.route("/b.png")(lambda request: Response(503))
    url = f"{serve(site).url}/b.png"
    once = ("-o", "http.retry.attempts=1")
    path = write_job(job, url.removesuffix("/b.png"))
    scraper("run", path, "-d", "else where", *once)
    (page,) = (folder / "else where/.scraper/runs").glob("*/report.html")
    shown = re.findall("<code>(scraper retry[^<]*)", page.read_text("utf-8"))
    assert [scraper(*shlex.split(html.unescape(each))[1:], "-n").code for each in shown] == [0], "its own folder"
    assert (scraper("run", path, *once).code, scraper("get", url, *once).code) == (4, 4)
    for given, said, unsaid in (
        ((path,), f"scraper retry {path} --class http:503", "The same"),
        (("-d", "output/mine"), "scraper retry asks for it again, with the file of the job.", "<code>scraper retry"),
        (("-d", "output/get"), "The same scraper get, called again, asks for what failed.", "scraper retry"),
    ):
        assert scraper("report", *given, "-o", "page.html", "--rebuild").code == 0
        text = (folder / "page.html").read_text("utf-8")
        assert (said in text, unsaid in text) == (True, False), given
    told = [scraper("why", url, "-d", f"output/{name}").out for name in ("get", "mine")]
    assert ["$ scraper retry" in each for each in told] == [False, False]
    assert "The same scraper get, called again, fetches what failed" in told[0].replace("\n" + " " * 10, " ")
