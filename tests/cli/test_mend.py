"""`scraper adopt`, `forget` and `prune`: what they tell, and how they exit."""

from __future__ import annotations

import click
import pytest

PAGE = '<li><b>{0}</b><img src="/{0}.png"></li>'
BODY = "each: li\nitem: {title: b}\nkey: title\nfiles: img\n"


@pytest.fixture
def ran(site, serve, job, pixels, write_job):
    """A job of three items with a picture each, not run yet, and the list of what the page shows."""
    shown = ["a", "b", "c"]
    site.route("/page")(lambda request: "".join(map(PAGE.format, shown)))
    pixels(site, "a.png", "b.png", "c.png")
    return write_job(job, serve(site).url, BODY), shown


def test_adopt_tells_what_it_took_and_what_it_left(ran, scraper, folder):
    path, _ = ran
    scraper("run", path, "-d", "before")
    (folder / "before/b.png").write_bytes(b"<!doctype html><title>Not found</title>")
    (folder / "before/c.png").rename(folder / "before/\x1b[2Jd.png")
    told = scraper("adopt", "before", path, "-v")
    assert (told.code, told.lines) == (0, ["output/mine/a.png"])
    for line in (
        "adopted 1 file (", "1 refused: 1 type", "2 not found; the next run fetches them",
        "nothing in the job asks for 1 file of before", "  \\x1b[2Jd.png",
    ):  # fmt: skip
        assert line in told.err
    assert "would adopt 1 file (" in scraper("adopt", "before", path, "-n", "-d", "other").err
    told = scraper("adopt", "before", path, "--json", "-q")
    assert (told.json["adopted"]["refused"], told.json["files"]["skipped"], told.json["exit_code"]) == (
        {"type": 1},
        3,
        0,
    )


def test_adopt_needs_a_folder_that_is_there(ran, scraper):
    assert scraper("adopt", "nowhere", ran[0]).code == 2


def test_prune_tells_first_and_deletes_when_told_to(ran, scraper, folder):
    path, shown = ran
    scraper("run", path)
    assert "0 of 3 files are gone" in scraper("prune", path).err
    shown.pop()
    scraper("run", path)
    told = scraper("prune", path)
    assert (told.code, [line.split("  ")[0] for line in told.lines]) == (0, ["c.png"])
    assert "1 of 3 files are gone at the source" in told.err
    assert scraper("prune", path, "--yes", "-n", "--json").json["dry"] is True
    assert scraper("prune", path, "--min-age", "30d").lines == []
    assert scraper("prune", path, "--min-age", "soon").code == 2
    told = scraper("prune", "-d", "output/mine", "--yes", "--json")
    assert [each["path"] for each in told.json["files"]] == ["c.png"]
    assert not (folder / "output/mine/c.png").exists()


def test_prune_has_a_cure_where_nothing_was_complete(ran, scraper):
    assert scraper("prune", ran[0]).code == 2
    scraper("run", ran[0], "--limit", "1")
    told = scraper("prune", ran[0])
    assert (told.code, "a scraper run without failures does" in told.err) == (2, True)


def test_what_get_fetched_is_not_gone_because_another_list_came(site, serve, pixels, scraper):
    pixels(site, "a.png", "b.png", "c.png")
    base = serve(site).url
    scraper("get", f"{base}/a.png", "-d", "out")
    scraper("get", f"{base}/b.png", f"{base}/c.png", "-d", "out")
    assert "0 of 3 files are gone" in scraper("prune", "-d", "out").err


def test_forget_takes_paths_as_the_shell_gives_them(ran, scraper, folder):
    path, _ = ran
    scraper("run", path)
    told = scraper("forget", "output/mine/a.png", folder / "output/mine/b.png", path, "--delete")
    assert (told.code, told.lines) == (0, ["file a.png", "file b.png"])
    assert "2 files deleted" in told.err
    assert sorted(each.name for each in (folder / "output/mine").glob("*.png")) == ["c.png"]


def test_forget_tells_what_it_would_do_and_what_may_be_meant(ran, scraper, folder):
    path, _ = ran
    scraper("run", path)
    told = scraper("forget", "a", "*/page", "-d", "output/mine", "-n", "--json")
    assert (told.json["items"], len(told.json["pages"])) == ([{"rule": "r", "key": "a"}], 1)
    assert 'did you mean "c.png"?' in scraper("forget", "c.pgn", path).err
    assert (scraper("forget", path).code, scraper("forget", "a").code) == (2, 2)
    assert "the next run writes them anew" in scraper("forget", "a", "-d", "output/mine").err


def test_forget_knows_the_classes_that_retry_knows(ran, scraper, folder, site):
    path, shown = ran
    shown.append("missing")
    scraper("run", path)
    for name in ("all", "http", "http:4xx", "http:404", "timeout,http:404"):
        assert [each["path"] for each in scraper("forget", "--class", name, path, "-n", "--json").json["files"]] == [
            "missing.png"
        ]
    told = scraper("forget", "--class", "timeuot", path)
    assert (told.code, 'did you mean "timeout"?' in told.err) == (2, True)


def test_while_a_run_holds_the_folder_nothing_is_changed(ran, scraper, folder):
    from scraper.state.lock import hold

    path, _ = ran
    scraper("run", path)
    with hold(folder / "output/mine"):
        assert scraper("forget", "a.png", path).code == 6
        assert scraper("prune", path, "--yes").code == 6
        assert (scraper("forget", "a.png", path, "-n").code, scraper("prune", path).code) == (0, 0)


def test_they_wait_for_a_folder_where_that_is_asked(ran, scraper, folder):
    from scraper.state.lock import hold

    path, _ = ran
    scraper("run", path)
    calls = (
        ["forget", "a.png", path],
        ["prune", path, "--yes"],
        ["adopt", "output", path],
        ["verify", path, "--repair"],
    )
    with hold(folder / "output/mine"):
        for call in calls:
            told = scraper(*call, "--wait=0.01")
            assert (told.code, "another run holds output/mine still, after" in told.err) == (6, True), call
        assert scraper("verify", path, "--repair").code == 6
    assert [scraper(*call, "--wait").code for call in calls] == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["run", "get", "retry", "verify", "forget", "adopt", "prune"])
def test_wait_takes_a_time_and_leaves_the_rest(name, folder):
    import math

    from scraper.cli.main import command

    for args, wait, rest in (
        (["--wait", "job.yaml"], math.inf, "job.yaml"),
        (["--wait", "5m", "job.yaml"], 300, "job.yaml"),
        (["job.yaml", "--wait"], math.inf, "job.yaml"),
        (["--wait=2s", "job.yaml"], 2, "job.yaml"),
        (["--", "--wait"], 0, "--wait"),
    ):
        before = ["."] if name == "adopt" else []
        found = command(name).make_context(name, [*before, *args]).params
        named = next(found[each] for each in ("job", "urls", "what") if each in found)
        assert (found["wait"], named) in ((wait, rest), (wait, (rest,))), args
    with pytest.raises(click.BadParameter, match="is not a time"):
        command(name).make_context(name, ["--wait=job.yaml", ".", "job.yaml"])


def test_adopt_and_a_repair_write_their_log_where_they_are_told(ran, scraper, folder):
    path, _ = ran
    scraper("run", path, "-d", "before")
    scraper("adopt", "before", path, "--log-format", "json", "--log-file", "adopt.log", "-v")
    (folder / "output/mine/a.png").unlink()
    told = scraper("verify", path, "--repair", "-o", "http.timeout.read=9", "--log-file", "repair.log")
    assert told.code == 0
    assert all(line.startswith("{") for line in (folder / "adopt.log").read_text().splitlines())
    assert "to repair: 1 file" in (folder / "repair.log").read_text()
    assert scraper("verify", path, "--repair", "-o", "no.key=1").code == 3
