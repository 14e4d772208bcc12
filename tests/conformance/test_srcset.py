"""Published cases for srcset, from the folder that CONFORMANCE names."""

import json
import os
from pathlib import Path

import pytest

from scraper.page.links import pick, srcset

FOLDER = os.environ.get("CONFORMANCE")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CONFORMANCE does not name the folder of the published cases")


def test_every_published_srcset_gives_the_candidate_that_browsers_take() -> None:
    assert FOLDER is not None
    cases = json.loads(Path(FOLDER, "srcset.json").read_text(encoding="utf-8"))

    chosen = {case["srcset"]: pick(srcset(case["srcset"])) for case in cases}
    missed = [
        case for case in cases if (found.url if (found := chosen[case["srcset"]]) else "") != case["expect_current_src"]
    ]

    assert (len(cases), missed) == (235, [])
