"""What a robots.txt says, on cases of our own (RFC 9309; section numbers are its)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.robotstxt import LONGEST, Rules, parse, product


def allowed(text: str, *targets: str, agent: str = "ours") -> list[str]:
    """Those of the targets that an agent may fetch."""
    rules = parse(text)
    return [target for target in targets if rules.allows(f"https://shop.example{target}", agent)]


def under(*lines: str) -> str:
    """A file with these lines for all agents."""
    return "\n".join(["User-agent: *", *lines])


# -- which rule decides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "targets"),
    [
        (["Disallow: /cart", "Allow: /cart/help"], ["/cart/help"]),
        (["Allow: /cart/help", "Disallow: /cart"], ["/cart/help"]),
        (["Allow: /cart", "Disallow: /cart"], ["/cart", "/cart/help", "/cart/pay"]),
        (["Disallow: /cart", "Allow: /*help"], ["/cart/help"]),
        (["Disallow:"], ["/cart", "/cart/help", "/cart/pay"]),
        (["Disallow: /"], []),
        (["Allow: /cart$", "Disallow: /"], ["/cart"]),
        (["Disallow: cart"], ["/cart", "/cart/help", "/cart/pay"]),
        (["Disallow: /CART"], ["/cart", "/cart/help", "/cart/pay"]),
    ],
)
def test_the_longest_rule_decides_and_allow_between_equals(lines: list[str], targets: list[str]) -> None:
    assert allowed(under(*lines), "/cart", "/cart/help", "/cart/pay") == targets


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("/*.gif", {"/a.gif", "/b/c.gif?x", "/a.gif.html"}),
        ("/*.gif$", {"/a.gif"}),
        ("*.gif", {"/a.gif", "/b/c.gif?x", "/a.gif.html"}),
        ("/a*.gif*l$", {"/a.gif.html"}),
        ("/*/*?", {"/b/c.gif?x"}),
        ("/**c*", {"/b/c.gif?x", "/cost$5"}),
        ("/*$", {"/a.gif", "/b/c.gif?x", "/a.gif.html", "/cost$5"}),
        ("$", set()),
        ("*", {"/a.gif", "/b/c.gif?x", "/a.gif.html", "/cost$5"}),
        ("/cost$5", {"/cost$5"}),
        ("/a.gif*a.gif", set()),
        ("/*gif*gif$", set()),
    ],
)
def test_stars_and_the_end(pattern: str, fits: set[str]) -> None:
    targets = ["/a.gif", "/b/c.gif?x", "/a.gif.html", "/cost$5"]
    assert set(targets) - set(allowed(under(f"Disallow: {pattern}"), *targets)) == fits


def like(pattern: str, target: str) -> bool:
    """Section 2.2.3, as a regular expression."""
    end = r"\Z" if pattern.endswith("$") else ""
    parts = (re.escape(part) for part in pattern.removesuffix("$").split("*"))
    return re.match(".*".join(parts) + end, target) is not None


@given(st.text("ab/*", max_size=7), st.sampled_from(["", "$"]), st.text("ab/", max_size=8))
def test_a_pattern_fits_as_its_regular_expression(pattern: str, end: str, path: str) -> None:
    rules = parse(under(f"Disallow: /{pattern}{end}"))
    assert rules.allows(f"http://h/{path}", "ours") is not like(f"/{pattern}{end}", f"/{path}")


@pytest.mark.parametrize("pattern", ["/" + "*a" * 5000 + "b", "/" + "a*" * 5000 + "$", "/" + "*" * 10_000 + "b"])
def test_stars_without_number_cost_little(pattern: str) -> None:
    rules = parse(under(f"Disallow: {pattern}"))
    begun = time.process_time()
    assert rules.allows("http://h/" + "a" * 4000, "ours")
    assert time.process_time() - begun < 1


# -- groups ------------------------------------------------------------------------------------------------


def test_groups_that_name_us_count_as_one() -> None:
    text = "User-agent: ours\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\nUser-agent: Ours/2.0 x\nDisallow: /b\n"
    assert allowed(text, "/a", "/b", "/c") == ["/c"]


def test_where_one_names_us_those_of_all_do_not_hold() -> None:
    text = "User-agent: *\nDisallow: /\nUser-agent: ours\nDisallow: /a"
    assert [allowed(text, "/a", "/b"), allowed(text, "/a", "/b", agent="other")] == [["/b"], []]


def test_lines_that_name_agents_in_a_row_are_one_group() -> None:
    text = "User-agent: a\nUser-agent: ours\nNonsense: 1\n\nSitemap: /s\nUser-agent: b\nDisallow: /\nUser-agent: c\n"
    assert [agent for agent in ("a", "ours", "b", "c", "d") if allowed(text, "/x", agent=agent)] == ["c", "d"]


def test_a_crawl_delay_ends_a_row_of_agents() -> None:
    text = "User-agent: *\nCrawl-delay: 9\nUser-agent: evil\nDisallow: /"
    assert [allowed(text, "/x", agent=agent) for agent in ("ours", "evil")] == [["/x"], []]


def test_an_empty_rule_ends_a_row_of_agents() -> None:
    text = "User-agent: ours\nDisallow:\nUser-agent: *\nDisallow: /"
    assert [allowed(text, "/x", agent=agent) for agent in ("ours", "other")] == [["/x"], []]


def test_rules_before_any_group_are_nobodys() -> None:
    assert allowed("Disallow: /a\nCrawl-delay: 3\n" + under("Disallow: /b"), "/a", "/b") == ["/a"]


@pytest.mark.parametrize("line", ["User-agent:", "User-agent: /", "User-agent: # us"])
def test_a_group_without_a_name_is_nobodys(line: str) -> None:
    assert allowed(f"User-agent: *\nDisallow: /a\n{line}\nDisallow: /", "/a", "/b") == ["/b"]


@pytest.mark.parametrize("name", ["ours", "OURS", "ours/1.0", "ours and more", "ours # us"])
def test_an_agent_is_named_by_its_product_token(name: str) -> None:
    assert allowed(f"User-agent: {name}\nDisallow: /", "/x") == []


@pytest.mark.parametrize("name", ["our", "ours2", "ours-too", "x ours", "ourś"])
def test_another_token_is_another_agent(name: str) -> None:
    assert allowed(f"User-agent: {name}\nDisallow: /", "/x") == ["/x"]


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [("books-job (+https://h/c)", "books-job"), ("a/1.0 b/2", "a"), (" x ", "x"), ("", ""), ("/", "")],
)
def test_the_product_token_of_a_user_agent(user_agent: str, token: str) -> None:
    assert product(user_agent) == token


# -- lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: *\nDisallow: /x",
        "User-agent: *\rDisallow: /x\r",
        "User-agent: *\r\nDisallow: /x\r\n",
        "\ufeffUser-agent: *\nDisallow: /x",
        "user-AGENT:*\ndisALLOW:/x",
        "  User-agent \t: * \n\tDisallow\t:  /x  ",
        "User-agent: * # all\nDisallow: /x# not /\n#Allow: /x",
        "User-agent *\nDisallow /x",
        "Useragent: *\nDisalow: /x",
        "User agent: *\nDissallow: /x",
        "User-agent: *\nallow /x for some\nDisallow: /x",
        "User-agent: *\nDisallow: /x\n<html>\n: /\n:\nAllow\n",
    ],
)
def test_a_line_may_be_written_so(text: str) -> None:
    assert allowed(text, "/x", "/y") == ["/y"]


def test_a_line_without_measure_is_no_rule() -> None:
    assert allowed(under(f"Disallow: /{'*' * 20_000}", "Disallow: /x"), "/x", "/y") == ["/y"]


def test_a_long_comment_leaves_its_rule() -> None:
    assert allowed(under(f"Disallow: /x # {'why ' * 20_000}"), "/x", "/y") == ["/y"]


def test_what_lies_beyond_the_measure_is_not_read() -> None:
    assert allowed("#" * LONGEST + "\n" + under("Disallow: /"), "/x") == ["/x"]


# -- percent-encoding (section 2.2.2) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "target"),
    [
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/caf%c3%a9", "/caf\u00e9"),
        ("/%63afe", "/cafe"),
        ("/cafe", "/c%61fe"),
        ("/a b", "/a%20b"),
        ("/100%", "/100%25"),
        ("/a%2A", "/a*"),
        ("/a%2ab$", "/a*b"),
        ("/price%24", "/price$"),
        ("/u?to=https://h", "/u?to=https://h"),
        ("/u?to=https://h", "/u?to=https%3A%2F%2Fh"),
        ("/u?to=https%3a%2f%2Fh", "/u?to=https://h"),
        ("/*=http://", "/u?to=http%3A%2F%2Fh"),
        ("/~me", "/%7Eme"),
    ],
)
def test_who_percent_encoded_what_does_not_matter(pattern: str, target: str) -> None:
    assert allowed(under(f"Disallow: {pattern}"), target) == []


@pytest.mark.parametrize(
    ("pattern", "target"), [("/a/b", "/a%2Fb"), ("/a?x=1&y", "/a?x=1%26y"), ("/a%2A$", "/abc"), ("/a%2525", "/a%25")]
)
def test_what_parts_a_path_is_not_the_same_encoded(pattern: str, target: str) -> None:
    assert allowed(under(f"Disallow: {pattern}"), target) == [target]


@given(st.text(st.sampled_from("/abé %*$?=~:&é25"), max_size=12), st.sampled_from(["a", "*", "?", ""]))
def test_a_path_written_as_a_rule_fits_itself(path: str, more: str) -> None:
    """Where its `*` and `$` are encoded, as a rule has to."""
    pattern = path.replace("*", "%2A").replace("$", "%24")
    assert allowed(f"User-agent: *\nDisallow: /x{pattern}.", f"/x{path}.{more}") == []


@pytest.mark.parametrize(
    "url", ["", "/", "https://h", "https://h?q", "?q", "https://h/#/x", "//h/y", "https://u:p@h:1/y"]
)
def test_a_url_is_judged_by_its_path_and_query(url: str) -> None:
    rules = parse(under("Disallow: /x", "Disallow: /h", "Disallow: /u", "Disallow: //"))
    assert (rules.allows(url, "ours"), parse(under("Disallow: /")).allows(url, "ours")) == (True, False)


# -- what else it says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (["Crawl-delay: 5"], 5.0),
        (["crawl-delay:0.25"], 0.25),
        (["Crawl-delay: 5", "Crawl-delay: 9", "Crawl-delay: 2"], 9.0),
        (["Crawl-delay: 0"], 0.0),
        (["Crawl-delay: soon"], None),
        (["Crawl-delay: -1"], None),
        (["Crawl-delay: inf"], None),
        (["Crawl-delay: nan"], None),
        (["Crawl-delay:"], None),
        (["Disallow: /"], None),
    ],
)
def test_a_crawl_delay(lines: list[str], seconds: float | None) -> None:
    assert parse(under(*lines)).crawl_delay("ours") == seconds


def test_a_crawl_delay_is_that_of_our_groups() -> None:
    rules = parse("User-agent: *\nCrawl-delay: 9\nUser-agent: a\nCrawl-delay: 1\nUser-agent: b\nDisallow:\n")
    assert [rules.crawl_delay(agent) for agent in ("A", "b", "c")] == [1.0, None, 9.0]


def test_sitemaps_stand_anywhere_and_count_once() -> None:
    text = "Sitemap: https://h/a.xml\nUser-agent: x\nsite-map:https://h/b.xml\nSitemap: https://h/a.xml\nSitemap:\n"
    assert parse(text).sitemaps == ("https://h/a.xml", "https://h/b.xml")


def test_an_empty_file_says_nothing() -> None:
    rules = parse("")
    assert (rules, rules.allows("https://h/x", "ours"), rules.crawl_delay("ours")) == (Rules(), True, None)


# -- any text ----------------------------------------------------------------------------------------------

PIECES = [
    "User-agent",
    "Disallow",
    "Allow",
    ":",
    " ",
    "\n",
    "\r",
    "*",
    "$",
    "/",
    "%",
    "%zz",
    "#",
    "\0",
    "\ufeff",
    "x",
    "ours",
]
TEXTS = st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(TEXTS, st.text(max_size=40))
def test_any_text_is_read_the_same_with_other_line_ends(text: str, url: str) -> None:
    lines = re.split(r"\r\n|\r|\n", text)
    same = [parse(end.join(lines)) for end in ("\n", "\r", "\r\n")]
    assert same[0] == same[1] == same[2]
    assert same[0].allows(url, "ours") in (True, False)


@given(TEXTS)
def test_a_comment_and_an_unknown_line_change_nothing(text: str) -> None:
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    mixed = [more for line in lines for more in (line, "# Allow: /", "", "Host: h")]
    assert parse("\n".join(mixed)) == parse("\n".join(lines))


@given(st.lists(st.tuples(st.sampled_from(["Allow", "Disallow"]), st.text("ab/*$", max_size=5)), max_size=6), st.data())
def test_the_order_of_rules_says_nothing(lines: list[tuple[str, str]], data: st.DataObject) -> None:
    mixed = data.draw(st.permutations(lines))
    path = data.draw(st.text("ab/", max_size=6))
    verdicts = {allowed(under(*(f"{key}: /{value}" for key, value in one)), f"/{path}") == [] for one in (lines, mixed)}
    assert len(verdicts) == 1
