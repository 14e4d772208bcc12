"""Templates: what names give, what stays a value, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import secrets
from scraper.job.template import (
    Fields,
    PathText,
    TemplateError,
    base_names,
    env_names,
    is_true,
    render,
    render_all,
    render_path,
    render_text,
    used_names,
)
from scraper.model import State

JULY = datetime(2026, 7, 31, 12, 30, tzinfo=UTC)


def names(**more):
    """Names as a run gives them, with an item and a row."""
    return {
        **base_names(variables={"base": "http://127.0.0.1:8000"}, date=JULY),
        "item": Fields(
            {"title": "Ein/Buch", "items": [1, 2], "gone": None, "inner": {"keys": "k"}, "n": 3}, name="item"
        ),
        "row": Fields({"line": "tea", "width": 300, "none": None}, lenient=True, name="row"),
        "result": "a name of ours",
        "page": Fields(
            {"url": "http://h/", "headers": Fields({"X-Total": "7"}, lenient=True, fold_case=True)},
            name="page",
        ),
        **more,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ base }}/a", "http://127.0.0.1:8000/a"),
        ("{{ vars.base }}", "http://127.0.0.1:8000"),
        ("{{ row.width }}", 300),
        ("{{ row.width > 200 }}", True),
        (" {{ row.width }}\n", 300),
        ("{{ row.width }}{{ row.width }}", "300300"),
        ("{{ 2 ** item.n - 1 }}", 7),
        ("{{ item.items }}", [1, 2]),
        ("{{ item['items'] | length }}", 2),
        ("{{ item.inner.keys }}", "k"),
        ("{{ item.inner }}", {"keys": "k"}),
        ("{{ item.gone }}", None),
        ("a{{ item.gone }}b", "ab"),
        ("{{ row.nothing }}", None),
        ("a{{ row.nothing }}b", "ab"),
        ("{{ row.nothing.deeper }}", None),
        ("{{ row.nothing | default('d') }}", "d"),
        ("{{ row.nothing or 'd' }}", "d"),
        ("{{ row.nothing == none }}", True),
        ("{{ row.nothing is none }}", True),
        ("{{ parent.title }}", None),
        ("{{ file.url or 'x' }}", "x"),
        ("{{ page.headers['x-total'] }}", "7"),
        ("{{ page.headers['X-Other'] }}", None),
        ("{{ date }}", JULY),
        ("on {{ date }}", "on 2026-07-31T12:30:00+00:00"),
        ("{{ true }}{{ none }}", "true"),
        ("{{ {'One': 1}['One'] }}", 1),
        ("x{{ item.inner }}", 'x{"keys": "k"}'),
        ("{{ item.gone | urlencode }}", None),
        ("{{ (row.digest or '') | replace('sha256:', '') or none }}", None),
        ("{{ '%05d' | format(row.width // 100) }}", "00003"),
        ("{{ item.items | map('string') | list }}", ["1", "2"]),
        ("{{ [date, date | shift('1 day')] | min }}", JULY),
        ("{{ not last_run or date > last_run }}", True),
        ("{{ item.inner | tojson }}", '{"keys": "k"}'),
        ("{% if row.width %}yes{% endif %}", "yes"),
        ("{{ row.line ~ '-' ~ row.none ~ row.nothing ~ true }}", "tea-true"),
        ("{{ [date, row.width] | tojson }}", '["2026-07-31T12:30:00+00:00", 300]'),
        ("{{ result }}", "a name of ours"),
    ],
)
def test_a_template_gives(text, value):
    assert render(text, names()) == value


def test_one_expression_alone_keeps_its_type():
    assert [type(render(text, names())) for text in ("{{ row.width }}", "{{ row.width > 1 }}", "{{ item }}")] == [
        int,
        bool,
        dict,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ item.titel }}", "item has no field 'titel'; did you mean \"title\"?"),
        ("{{ item.items() }}", "the template cannot be worked out: 'list' object is not callable"),
        ("{{ item.values }}", "item has no field 'values'"),
        ("{{ unheard_of }}", "'unheard_of' is not known here"),
        ("{{ vars.other }}", "vars has no field 'other'"),
        ("{{ saved.token }}", "saved has no field 'token'"),
        ("{{ item.gone.deeper }}", "null has no field 'deeper'"),
        ("{{ base | slugg }}", "there is no filter 'slugg'; did you mean \"slug\"?"),
        ("{{ base is odder }}", "there is no test 'odder'; did you mean \"odd\"?"),
        ("{{ 1 + }}", "not a template: "),
        ("{% include 'x' %}", "a job's template includes no other file"),
        ("{{ 9 ** 99999 }}", "powers go up to 1000"),
        ("{{ 'a' * 99999999 }}", "the result would be longer than 1000000"),
        ("{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of"),
        ("{{ row.nothing > 3 }}", "the field 'nothing' is missing; where it may be, write"),
        ("{{ row.line | date('%Y') }}", "the template cannot be worked out: 'tea' is not a date as in"),
        ("{{ date | shift('soon') }}", "the template cannot be worked out: 'soon' is not a step in time"),
    ],
)
def test_a_wrong_template_is_told_with_its_cure(text, message):
    with pytest.raises(TemplateError) as told:
        render(text, names())
    assert str(told.value).startswith(message)


def test_an_undefined_name_is_carried_by_the_error():
    with pytest.raises(TemplateError) as told:
        render("{{ item.titel }}", names())
    assert told.value.undefined == "titel"


def test_what_a_template_makes_null_is_left_out_and_a_written_null_stays():
    given = {
        "a": "{{ row.none }}",
        "b": None,
        "c": ["{{ row.none }}", None, "{{ row.width }}"],
        "{{ row.line }}": 1,
    }
    assert render_all(given, names()) == {"b": None, "c": [None, 300], "tea": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [("{{ row.width }}", "300"), ("{{ true }}", "true"), ("{{ date }}", "2026-07-31T12:30:00+00:00")],
)
def test_text_is_made_of_any_value(text, value):
    assert render_text(text, names()) == value


def test_null_is_no_text():
    with pytest.raises(TemplateError, match=r"item\.gone is null, where a text is needed"):
        render_text("{{ item.gone }}", names())


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a/{{ item.title }}.png", "a/Ein_Buch.png"),
        ("{{ item.title | path }}.png", "Ein/Buch.png"),
        ("{{ dir }}/{{ filename }}", "pictures/old/a.png"),
        ("{{ date | date('%Y/%m') }}/x", "2026_07/x"),
        ("{{ date | date('%Y/%m') | path }}/x", "2026/07/x"),
        ("{{ item.title | slug }}{{ ext }}", "ein-buch\ufdd2"),
        ("{{ row.width }}", "300"),
        ("{{ dir ~ '-' ~ item.title }}", "pictures/old-Ein_Buch"),
        ("fixed/name.txt", "fixed/name.txt"),
    ],
)
def test_only_the_templates_own_slashes_part_folders(text, path):
    more = {"dir": PathText("pictures/old"), "filename": "a.png", "ext": "\ufdd2"}
    assert render_path(text, names(**more)) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ item.gone }}.png", "item.gone is null, which a path cannot hold"),
        ("{{ row.nothing }}/{{ item.gone }}", "item.gone and row.nothing are null, which a path cannot hold"),
        ("{{ item.gone | urlencode }}", "item.gone is null, which a path cannot hold"),
        ("{{ item.gone | slug }}", "item.gone is null, which a path cannot hold"),
        ("{{ item.gone ~ '.png' }}", "item.gone is null, which a path cannot hold"),
        ("{{ none }}", "a value is null, which a path cannot hold"),
    ],
)
def test_null_in_a_path_is_an_error(text, message):
    with pytest.raises(TemplateError) as told:
        render_path(text, names())
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("{{ row.width }}", True),
        ("{{ row.none }}", False),
        ("{{ row.nothing }}", False),
        ("{{ 0 }}", False),
        ("{{ [] }}", False),
        ("{{ '' }}", False),
        ("{{ 'False' }}", False),
        ("{{ 'none' }}", False),
        ("{{ row.line }}", True),
        ("{{ row.width > 500 }} ", False),
    ],
)
def test_a_condition_is_true_as_data_is(text, true):
    assert is_true(text, names()) is true


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("no template", set()),
        ("{{ item.title }}", {("item", "title")}),
        ("{{ item['title'].x }}", {("item", "title", "x")}),
        ("{{ item[row.line].x }}", {("item",), ("row", "line")}),
        ("{{ base }}{{ env('X') | urlencode }}", {("base",), ("env",)}),
        ("{% for one in item.list %}{{ one.x }}{{ loop.index }}{% endfor %}", {("item", "list")}),
        ("{{ item.tags[0].name }}", {("item", "tags")}),
        ("{{ item.title.upper() }}", {("item", "title", "upper")}),
        ("{{ a ~ b | default(c) }}", {("a",), ("b",), ("c",)}),
    ],
)
def test_the_names_that_a_template_reads(text, used):
    assert used_names(text) == used


def test_the_secrets_that_a_template_reads():
    assert env_names("{{ env('A') }}:{{ secret_file('k.txt') | urlencode }}") == (
        ("env", "A"),
        ("file", "k.txt"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ env(row.line) }}", "env takes one text in quotes: env('NAME')"),
        ("{{ env }}", "env takes one text in quotes: env('NAME')"),
        ("{% set e = env %}{{ e('A') }}", "env takes one text in quotes: env('NAME')"),
        ("{{ ['A'] | map(secret_file) }}", "secret_file takes one text in quotes: secret_file('NAME')"),
        ("{{ env('A') | upper }}", "a secret goes through no filter but urlencode; take away `| upper`"),
    ],
)
def test_data_never_chooses_or_changes_a_secret(text, message):
    with pytest.raises(TemplateError) as told:
        env_names(text)
    assert str(told.value) == message


def test_secrets_and_saved_values_are_marks():
    given = base_names(variables={}, date=JULY, state=State({"token": "s3cret"}))
    text = "{{ env('A') }} {{ secret_file('k') }} {{ saved.token }}"
    assert secrets.display(render_text(text, given)) == "{env:A} {file:k} {saved:token}"


def test_a_quoted_secret_is_revealed_quoted():
    text = render_text("http://h/?k={{ env('A') | urlencode }}", names())
    assert secrets.reveal(text, lambda name: "a b") == "http://h/?k=a%20b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Žluťoučký kůň", "žluťoučký-kůň"),
        ("東京 2026!", "東京-2026"),
        ("  A / B_c.d  ", "a-b-c-d"),
        ("हिन्दी", "हिन्दी"),
        ("co\u00adoperate", "cooperate"),
        ("***", ""),
    ],
)
def test_slug_keeps_letters_and_digits_of_every_script(text, value):
    assert render("{{ value | slug }}", {"value": text}) == value


@given(st.text())
def test_a_slug_is_a_fixed_point_without_separators(text):
    once = render("{{ value | slug }}", {"value": text})
    assert (render("{{ value | slug }}", {"value": once}), set("/ .\\") & set(once)) == (once, set())


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("£51.77", ".", 51.77),
        ("1,234.50 kr", ".", 1234.5),
        ("1.234,50", ",", 1234.5),
        ("1 234 567", ".", 1234567),
        ("12,34,567.5", ".", 1234567.5),
        ("-3", ".", -3),
        ("\u22123,5", ",", -3.5),
        ("1e3", ".", 1000.0),
        (".5", ".", 0.5),
        ("from 51, was 60", ".", 51),
        ("n/a", ".", None),
        ("20 25", ".", 20),
        (7, ".", 7),
    ],
)
def test_number_reads_what_people_write(text, decimal, value):
    assert render("{{ value | number(decimal=d) }}", {"value": text, "d": decimal}) == value


def test_number_refuses_a_separator_it_would_have_to_guess():
    with pytest.raises(TemplateError, match=r"'51,77' is not a number whose decimal sign is '\.'"):
        render("{{ value | number }}", {"value": "51,77"})


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ("-7 days", datetime(2026, 7, 24, 12, 30, tzinfo=UTC)),
        ("2 hours", datetime(2026, 7, 31, 14, 30, tzinfo=UTC)),
        ("-1 month", datetime(2026, 6, 30, 12, 30, tzinfo=UTC)),
        ("7 months", datetime(2027, 2, 28, 12, 30, tzinfo=UTC)),
        ("1 year -1 day", datetime(2027, 7, 30, 12, 30, tzinfo=UTC)),
    ],
)
def test_shift_moves_a_date(steps, value):
    assert render("{{ date | shift(steps) }}", names(steps=steps)) == value


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("2026-07-01", "2026"),
        ("2026-07-01T10:00:00Z", "2026"),
        ("Wed, 01 Jul 2026 10:00:00 +0200", "2026"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026"),
        (None, None),
    ],
)
def test_date_formats_dates_and_texts_that_are_dates(value, year):
    assert render("{{ value | date('%Y') }}", {"value": value}) == year


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_every_field_is_reached_by_its_name_whatever_it_is(data):
    name = min(data)
    assert render("{{ item[name] }}", {"item": Fields(data), "name": name}) == data[name]


@pytest.mark.parametrize("name", ["items", "keys", "get", "values", "field", "name", "lenient", "_data", "__class__"])
def test_a_field_hides_what_python_has_by_that_name(name):
    given = {"there": Fields({name: 1}), "gone": Fields({}, lenient=True)}
    assert [render(f"{{{{ {where}.{name} }}}}", given) for where in given] == [1, None]
