"""The page that a run leaves: what it tells, that it is well-formed, and that nothing scraped is markup in it."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.files.parts import OutputFolder
from scraper.report import changes, facts, failures, logs, make, pictures, saved
from scraper.run.advice import advice_for
from scraper.server import Response
from scraper.state.db import Database

TAGS = frozenset(
    re.findall(
        r"\S+",
        "html head meta title style body header nav main footer section h1 h2 h3 p ul li dl dt dd div span strong a bdi"
        " table caption thead tbody tr th td svg rect figure figcaption code pre del ins img",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"\S+",
        "lang charset http-equiv content name id class href rel scope role aria-label aria-labelledby aria-hidden"
        " viewBox preserveAspectRatio x y width height src alt",
    )
)


def texts(found: Any) -> str:
    return re.sub(r"\s+", " ", found.text_content())


def section(page: Any, id_: str) -> str:
    found = page.xpath(f"//section[@id='{id_}']")
    return texts(found[0]) if found else ""


@pytest.fixture
def two_days(shop: Any, shop_job: Any, run_job: Any) -> tuple[Any, Any]:
    """Two complete runs: item 1 changed, 2 is gone, 3 is new; so are their files."""
    server, rows = shop
    rows += [{"n": "1", "t": "old title", "f": "/f/one", "body": b"one"}, {"n": "2", "t": "b", "f": "/f/two"}]
    first = run_job(server, shop_job())
    rows[:] = [
        {"n": "1", "t": "new title", "f": "/f/one", "body": b"one changed"}, {"n": "3", "t": "c", "f": "/f/three"},
    ]  # fmt: skip
    return first, run_job(server, shop_job(), day=1)


def test_a_run_leaves_a_page_that_tells_what_is_new_changed_and_gone(two_days: Any) -> None:
    first, second = two_days
    assert "New items: 2" in section(first.tree, "changes")
    told = section(second.tree, "changes")
    assert "New items: 1" in told
    assert "old title → new title" in told
    assert "Gone items: 1" in told
    assert [second.tree.xpath("//del//text()"), second.tree.xpath("//ins//text()")] == [["old title"], ["new title"]]
    assert re.search(r"New files: 1.*/f/three.*Changed files: 1.*/f/one.*3 B → 11 B.*Gone files.*: 1.*/f/two", told)


def test_files_without_items_are_gone_where_they_are_met_no_more(shop: Any, run_job: Any) -> None:
    server, rows = shop
    rows += [{"n": str(at), "f": f"/f/{at}"} for at in range(3)]
    job = {"start": ["{{ base }}/api"], "rules": {"row": {"read": "json", "files": "rows[*].f"}}}
    run_job(server, job)
    del rows[1]
    told = section(run_job(server, job, day=1).tree, "changes")
    assert "no longer met at the source: 1File" in told
    assert "/f/1" in told
    assert "/f/2" not in told


@pytest.mark.parametrize("first", [1, 2, 3])
def test_of_many_files_the_same_is_told_as_of_few(first: int, two_days: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = two_days
    with Database.reading(second.dest / ".scraper" / "ledger.db") as db:
        run = facts.run_of(db, second.summary.run)
        told = saved.saved(db, run)
        monkeypatch.setattr(saved, "_FIRST", first)
        assert saved.saved(db, run) == told
    assert (told.new.total, told.changed.total, told.pictures.total) == (1, 1, 0)


def test_its_head_tells_how_the_run_ended(two_days: Any) -> None:
    first, second = two_days
    head = texts(second.tree.xpath("//header")[0])
    assert all(word in head for word in ("Done, nothing failed", "complete", second.summary.run, first.summary.run))
    assert "it is the first run" in texts(first.tree.xpath("//header")[0])


def test_files_link_to_where_they_lie(two_days: Any) -> None:
    _, second = two_days
    links = second.tree.xpath("//section[@id='changes']//th/a/@href")
    assert [(second.folder / each).resolve().name for each in links] == ["3-1", "1-1", "2-1"]
    assert (second.folder / links[0]).is_file()


def test_it_is_made_again_to_the_byte(two_days: Any) -> None:
    _, second = two_days
    stood, state = second.text, second.dest / ".scraper"
    goal = make.place(state, second.summary.run)
    with Database.reading(state / "ledger.db") as db:
        make.make(db, second.summary.run, make.Wanted(second.dest, state, goal, "job.yaml"))
    assert second.text == stood


def test_its_policy_allows_its_own_style_and_nothing_else(two_days: Any) -> None:
    page = two_days[1].tree
    style = page.xpath("//style")[0].text
    hashed = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.split("; ") == [
        "default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'", f"style-src 'sha256-{hashed}'",
    ]  # fmt: skip
    assert page.xpath("//meta[@name='referrer']/@content") == ["no-referrer"]
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_text_is_text_wherever_it_stands(
    shop: Any, shop_job: Any, run_job: Any, strict: Callable[[str], Any], hostile: tuple[str, ...]
) -> None:
    server, rows = shop
    for at, text in enumerate(hostile):
        rows.append({"n": text, "t": text, "link": text, "f": f"/f/{at}?{text}", "body": Response(404)})
    run_job(server, shop_job())
    rows[:] = [{**row, "t": f"{row['t']} again"} for row in rows]
    rule = {"read": "json", "each": "rows[*]", "item": {"n": "n", "t": "t", "link": "link"}, "key": "n", "files": "f"}
    job = shop_job(name="job", rules={"row": rule}, vars={"evil": hostile[0]})
    page = strict(run_job(server, job, day=1).text)
    assert {each.tag for each in page.iter()} <= TAGS
    assert {name for each in page.iter() for name in each.attrib} <= ATTRIBUTES
    assert all(re.match(r"https?://|#|\.\./", href) for href in page.xpath("//a/@href"))
    assert "<script>alert(1)</script>" in "".join(page.itertext())
    assert "invoice\\u202egpj.exe" in "".join(page.itertext())
    assert {each for each in "".join(page.itertext()) if not each.isprintable()} == {"\n"}


def test_failures_stand_by_class_with_the_next_step(shop: Any, shop_job: Any, run_job: Any) -> None:
    server, rows = shop
    codes = [404] * 7 + [500] * 2
    rows += [{"n": str(at), "f": f"/f/{at}", "body": Response(code)} for at, code in enumerate(codes)]
    page = run_job(server, shop_job()).tree
    groups = [texts(each) for each in page.xpath("//div[@class='group']")]
    assert [each.split(":")[0] + each.split(":")[1] for each in groups] == ["http404", "http500"]
    assert "Next step: " in groups[0]
    assert "and 2 more: scraper export job.yaml" in groups[0]
    assert "scraper retry job.yaml -d " in groups[1]
    assert " --class http:500" in groups[1]
    assert "retry" not in groups[0]


def test_what_was_expected_in_vain_stands_first(shop: Any, shop_job: Any, run_job: Any) -> None:
    server, rows = shop
    rows.append({"n": "1", "t": "a"})
    run = run_job(server, shop_job(expect={"items": ">= 20"}))
    assert run.tree.xpath("//main/section/@id")[0] == "expected"
    assert "expect.items: 1 item, not >= 20" in section(run.tree, "expected")


def test_settings_are_shown_and_secrets_are_not(
    shop: Any, shop_job: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_KEY", "the-very-secret-key")
    server, rows = shop
    rows.append({"n": "1", "t": "a"})
    headers = {"X-Key": "{{ env('REPORT_KEY') }}", "Authorization": "Bearer written-out"}
    given = {"token": "abcdefgh", "proxy": "http://me:hunter22@127.0.0.1/", "plain": "the-very-secret-key"}
    auth = {"basic": ["me", "written-down"]}
    run = run_job(server, shop_job(http={"headers": headers, "auth": auth}, vars=given))
    shown = section(run.tree, "settings")
    assert "X-Key" in shown
    assert not any(
        each in run.text for each in ("the-very-secret-key", "written-out", "written-down", "abcdefgh", "hunter22")
    )
    assert "{env:REPORT_KEY}" in shown


# -- pictures ----------------------------------------------------------------------------------------------


@pytest.fixture
def sheet_of(shop: Any, shop_job: Any, run_job: Any) -> Callable[..., Any]:
    """`sheet_of({name: bytes})`: the run that saved them."""

    def make_it(files: dict[str, bytes]) -> Any:
        server, rows = shop
        media = {".gif": "image/gif", ".png": "image/png", ".webp": "image/webp"}
        for at, (name, body) in enumerate(files.items()):
            sent = Response(200, {"Content-Type": media.get(name[-4:], "image/jpeg")}, body)
            rows.append({"n": str(at), "f": f"/f/{name}", "body": sent})
        job = shop_job(files={"path": "{{ item.n }}.img", "existing": "check", "accept": {"types": ["*"]}})
        return run_job(server, job)

    return make_it


def test_new_pictures_stand_on_a_sheet_each_a_link_to_its_file(sheet_of: Any, picture: Any) -> None:
    images = {
        "a.jpg": picture("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
        "b.png": picture("PNG"), "c.gif": picture("GIF"), "d.webp": picture("WEBP"),
    }  # fmt: skip
    run = sheet_of(images)
    shown = run.tree.xpath("//ul[@class='sheet']//a")
    assert [(run.folder / each.get("href")).resolve().name for each in shown] == [f"{at}.img" for at in range(4)]
    sources = run.tree.xpath("//img")
    assert all(each.get("src").startswith("data:image/jpeg;base64,") for each in sources)
    assert [(each.get("width"), each.get("height")) for each in sources] == [("100", "160")] + [("160", "100")] * 3


def test_what_cannot_be_shown_is_told_in_its_place(
    sheet_of: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = picture("JPEG", (800, 600))
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1_000_000)
    run = sheet_of(
        {"huge.png": picture("PNG", (1200, 1000)), "odd.jpg": b"\xff\xd8\xff\xe0" + b"?" * 99, "ok.jpg": whole}
    )
    cells = [texts(each) for each in run.tree.xpath("//ul[@class='sheet']/li")]
    assert f"No thumbnail: {pictures.TOO_MANY}" in cells[0]
    assert "No thumbnail: " in cells[1]
    assert "No thumbnail" not in cells[2]
    assert len(run.tree.xpath("//img")) == 1


def test_a_link_that_took_a_pictures_place_is_not_followed(sheet_of: Any, picture: Any, tmp_path: Path) -> None:
    run = sheet_of({"a.jpg": picture()})
    (tmp_path / "secret.jpg").write_bytes(picture())
    (run.dest / "0.img").unlink()
    (run.dest / "0.img").symlink_to(tmp_path / "secret.jpg")
    assert "cannot be read" in sheet(run).thumbs[0].why


def test_the_time_for_thumbnails_has_an_end(sheet_of: Any, picture: Any) -> None:
    run = sheet_of({"a.jpg": picture(), "b.jpg": picture(seed=1)})
    ticks = iter([0.0, 1.0, 99.0])
    assert [bool(each.data) for each in sheet(run, lambda: next(ticks)).thumbs] == [True, False]


def test_without_pillow_the_page_says_how_to_get_it(
    sheet_of: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "is_missing", lambda: True)
    run = sheet_of({"a.jpg": picture()})
    assert "scraper-jobs[image]" in section(run.tree, "pictures")
    assert run.tree.xpath("//img") == []


def sheet(run: Any, clock: Callable[[], float] = lambda: 0.0) -> Any:
    with Database.reading(run.dest / ".scraper" / "ledger.db") as db, closing(OutputFolder(run.dest)) as disk:
        return pictures.sheet(disk, saved.saved(db, facts.run_of(db, run.summary.run)).pictures, clock)


# -- when it cannot be made --------------------------------------------------------------------------------


def test_a_bug_in_the_report_is_told_and_the_run_is_what_it_was(
    shop: Any, shop_job: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(changes, "changes", broken)
    server, rows = shop
    rows.append({"n": "1"})
    run = run_job(server, shop_job())
    assert run.summary.exit_code == 0
    log = (run.folder / "log.jsonl").read_text("utf-8")
    assert "ZeroDivisionError: on purpose" in log
    assert not (run.folder / "report.html").exists()


def test_a_folder_that_refuses_the_page_is_told(two_days: Any, tmp_path: Path) -> None:
    _, second = two_days
    with pytest.raises(OSError, match="No such file"):
        make.write(tmp_path / "none" / "report.html", "x")
    assert [path.name for path in second.folder.iterdir() if path.suffix == ".part"] == []


def test_warnings_of_a_log_are_read_and_what_is_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    line = '{"time": "2026-11-22T03:00:00.000+00:00", "level": "warning", "logger": "scraper", "message": "m"}\n'
    other = line.replace('"scraper"', '"scraper.endings"')
    miss = line.replace("warning", "error").replace('"m"', '"expect.items: none"')
    path.write_text(line * 60 + other + miss + line.replace("warning", "info") + line[:70], "utf-8")
    found = logs.read(path)
    assert (len(found.lines), found.more, found.misses) == (50, 10, ("expect.items: none",))
    assert logs.read(tmp_path / "none") == logs.Log()


def test_a_page_stays_below_2_mb_whatever_the_run_was(two_days: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = two_days
    long = "\x00" * 5000  # of all characters these take most room
    change = changes.ItemChange(long, long, long, ((long, long, long + "x"),) * changes.FIELDS)
    items = saved.Listed(10**6, (change,) * saved.SHOWN)
    files = saved.Listed(10**6, (saved.FileChange(long, long, 1, 2),) * saved.SHOWN)
    failed = (failures.Failed(long, long, long),) * failures.EXAMPLES
    group = failures.Group(long, 10**6, advice_for("http:404"), failed)
    thumb = pictures.Thumb(long, long, "data:," + "x" * (pictures.BUDGET // pictures.MOST), size=(160, 160))
    monkeypatch.setattr(changes, "changes", lambda *_: changes.Changes(items, items, items, files, files, files))
    monkeypatch.setattr(failures, "groups", lambda *_: [group] * 99)
    monkeypatch.setattr(pictures, "sheet", lambda *_: pictures.Sheet(10**6, (thumb,) * pictures.MOST))
    line = logs.Line(long, "warning", long)
    monkeypatch.setattr(logs, "read", lambda *_: logs.Log((line,) * logs.SHOWN, 10**6, (long,) * 99))
    state = second.dest / ".scraper"
    wanted = make.Wanted(second.dest, state, state / "x.html", "job.yaml", settings=f"{long}\n" * 99)
    with Database.reading(state / "ledger.db") as db:
        assert make.make(db, second.summary.run, wanted).stat().st_size < 2_000_000
