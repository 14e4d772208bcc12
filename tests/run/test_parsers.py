"""A rule's parser: the same job by lexbor gives what it gives by the default one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.errors import JobError
from scraper.job.load import load

SHOP = """
    start: ["{{{{ base }}}}/catalogue/", {{url: "{{{{ base }}}}/catalogue/science/", rule: cards}}]
    rules:
      index:
        parser: {parser}
        expect: {{has: "h1"}}
        follow: {{book: "article h3 a"}}
        next: {{select: "li.next a", when: ":scope h1"}}
      cards:
        parser: {parser}
        each: "article"
        when: ":scope > h3 a"
        item:
          title: {{css: "h3 a", match: "(.*)"}}
          link: "a::attr(href), img::attr(src)"
          page: {{css: "h1", root: true}}
        key: link
      book:
        parser: {parser}
        item:
          title: {{css: "h1", required: true}}
          price: {{css: "p.price", match: "[0-9.]+", type: float, required: true}}
          tags: {{css: "ul.tags li", all: true}}
        files: "#cover img"
    files:
      path: "{{{{ item.title | slug }}}}{{{{ ext }}}}"
"""


def test_a_job_gives_the_same_records_and_files_by_both_parsers(
    run_job: Any, fixture_server: Any, tmp_path: Path
) -> None:
    by_lxml, by_lexbor = (
        run_job(fixture_server, SHOP.format(parser=parser), dest=tmp_path / parser) for parser in ("lxml", "lexbor")
    )

    assert (by_lexbor.code, by_lexbor.records, by_lexbor.files) == (0, by_lxml.records, by_lxml.files)
    assert (len(by_lexbor.records) > 23, len(by_lexbor.files)) == (True, 23)


def test_a_parser_holds_for_html_alone(run_job: Any, serve: Any, site: Any) -> None:
    site.route("/api")(lambda request: {"rows": [{"t": "a"}, {"t": "b"}]})

    ran = run_job(
        serve(site),
        {
            "start": ["{{ base }}/api"],
            "rules": {"api": {"read": "json", "parser": "lexbor", "each": "rows[*]", "item": {"t": "t"}}},
        },
    )

    assert (ran.code, ran.fields("t")) == (0, ["a", "b"])


def test_a_selector_that_lexbor_does_not_know_is_told_where_it_stands(tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(
        "name: job\n"
        "start: ['http://a.example/']\n"
        "rules:\n"
        "  page:\n"
        "    parser: lexbor\n"
        "    item:\n"
        "      title: {css: 'p:lang(en)'}\n"
        "    next: 'svg|a'\n"
    )

    with pytest.raises(JobError) as caught:
        load(job)

    assert str(caught.value).splitlines() == [
        f"{job}:7:20: rules.page.item.title.css: lexbor does not know :lang; use parser: lxml",
        f"{job}:8:11: rules.page.next: lexbor does not know namespaces; use parser: lxml",
    ]
