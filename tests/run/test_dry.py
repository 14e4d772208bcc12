"""A dry run beside a run that is under way: it reads the ledger, and leaves alone what it does not own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from scraper.files.parts import OutputFolder
from scraper.model import Download, PartNote
from scraper.net.courier import wall_clock
from scraper.server import Site
from scraper.state.db import Database
from scraper.state.ledger import Ledger
from scraper.state.runs import open_run


def test_a_dry_run_removes_no_part_of_a_run_that_is_under_way(
    site: Site, serve: Any, run_job: Any, tmp_path: Path
) -> None:
    dest = tmp_path / "out"
    (dest / ".scraper").mkdir(parents=True)
    with closing(OutputFolder(dest)) as disk, closing(Database(dest / ".scraper" / "ledger.db")) as db:
        ledger = Ledger(db, disk.look)
        ledger.begin(open_run(db, "job", "its own", now=wall_clock()).id)
        for name in ("plain", "noted"):
            ledger.add_download(Download(f"http://h/{name}.png", name, f"{name}.png"))
            disk.open_part(f"{name}.png.part").close()
        noted = next(task for task in ledger.next_files("h:80", 9, set()) if task.path == "noted.png")
        stood = disk.look("noted.png.part")
        assert stood is not None
        ledger.note_part(noted.id, PartNote(stood.inode, '"v"'))
        site.route("/")(lambda request: "<h1>x</h1>")
        job = {"start": ["{{ base }}/"], "rules": {"r": {"item": {"h": "h1"}}}}
        assert run_job(serve(site), job, dry=True).code == 0
        assert sorted(path.name for path in dest.glob("*.part")) == ["noted.png.part", "plain.png.part"]
