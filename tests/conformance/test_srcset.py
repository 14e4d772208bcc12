"""Published cases for srcset, from the folder that CONFORMANCE names."""

from typing import Any

from scraper.page.links import pick, srcset


def test_every_published_srcset_gives_the_candidate_that_browsers_take(published: Any, figure: Any) -> None:
    cases = published("srcset.json")

    chosen = {case["srcset"]: pick(srcset(case["srcset"])) for case in cases}
    missed = [
        case for case in cases if (found.url if (found := chosen[case["srcset"]]) else "") != case["expect_current_src"]
    ]

    figure(f"srcset.json: {len(cases) - len(missed)} of {len(cases)} (235 asked)")
    assert (len(cases), missed) == (235, [])
