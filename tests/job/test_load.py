"""Job files: what loads, what is settled on the way, and how all that is wrong is told at once."""

# ruff: noqa: E501 - a mistake stands on one line here, as it is told

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from scraper import secrets
from scraper.errors import Exit, JobError
from scraper.job.load import from_data, load, settle_secrets, settled

SHAPES = sorted((Path(__file__).parent / "shapes").glob("*.yaml"))
HEAD = 'name: a\nstart: ["http://127.0.0.1/"]\n'
RULE = HEAD + "rules: {r: {item: {title: h1, price: p}, files: img}}\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a job file into the current folder, and gives its name."""
    monkeypatch.chdir(tmp_path)

    def written(text, name="job.yaml"):
        Path(name).write_text(text, encoding="utf-8")
        return name

    return written


def mistakes(file, **more):
    """What is wrong with a job file, a line each, as it is told."""
    with pytest.raises(JobError) as told:
        load(file, **more)
    assert told.value.exit_code == Exit.JOB
    return str(told.value).replace("job.yaml:", "").splitlines()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_job_of_this_shape_loads(shape):
    assert load(shape).job.name == shape.stem


def test_there_are_eighteen_shapes():
    assert len(SHAPES) == 18


COMMENT = "YAML reads what follows # as a comment; put quotes around a text that begins with #"

BROKEN = {
    "unknown key": (
        HEAD + "rules:\n  book:\n    itme: {title: h1}\n    pirce: x\nhtp: {}\n",
        [
            '5:5: rules.book.itme: unknown key; did you mean "item"?',
            "6:5: rules.book.pirce: unknown key; known here: read, parser, expect, each, when, item, key, files,"
            " follow, next, max_pages",
            '7:1: htp: unknown key; did you mean "http"?',
        ],
    ),
    "wrong type": (
        RULE + 'http: {retry: {attempts: "4"}, timeout: {read: "4"}, verify: 1, headers: {X: [1]}}\n'
        "polite: {per_host: 0, robots: ignored}\nabout: 5\n",
        [
            '4:26: http.retry.attempts: expected a whole number, found text "4"',
            '4:48: http.timeout.read: expected a number, found text "4"',
            "4:62: http.verify: expected true or false, found number 1",
            "4:78: http.headers.X: expected a single value (text, a number, true or false), found a list",
            "5:20: polite.per_host: expected at least 1, found number 0",
            '5:31: polite.robots: expected one of obey, ignore, found text "ignored"; did you mean "ignore"?',
            "6:8: about: expected text, found number 5; put quotes around it",
        ],
    ),
    "missing keys": (
        "rules: {r: {next: {offset: o}}}\n",
        ["1:1: name: missing", "1:1: start: missing", "1:13: rules.r.next.step: missing"],
    ),
    "duplicate key": (
        'name: a\nname: b\nstart: ["http://127.0.0.1/"]\nrules: {r: {files: a, files: b}}\n',
        [
            "2:1: name: duplicate key; it stands on line 1 already",
            "4:23: rules.r.files: duplicate key; it stands on line 4 already",
        ],
    ),
    "tab": (
        HEAD + "rules:\n\tr: {}\n",
        ["4:1: a tab; YAML is indented with spaces, so write spaces instead"],
    ),
    "bad cron": (
        RULE + 'schedule: "0 3 * *"\ntimezone: Europe/Berln\n',
        [
            "4:11: schedule: '0 3 * *' is not a cron line (Wrong number of fields); five fields as in \"0 3 * * *\"",
            "5:11: timezone: 'Europe/Berln' is not a time zone; did you mean \"Europe/Berlin\"?",
        ],
    ),
    "a word for a cron line, a city for a zone": (
        RULE + 'schedule: "@daily"\ntimezone: New York\n',
        [
            "4:11: schedule: '@daily' is not read here; write \"0 0 * * *\"",
            "5:11: timezone: 'New York' is not a time zone; did you mean \"America/New_York\"?",
        ],
    ),
    "limits of nothing": (
        RULE + "limits: {quota: 0, deadline: 0s}\n",
        [
            "4:17: limits.quota: with 0 nothing could ever be done; to have no limit, leave it out",
            "4:30: limits.deadline: with 0 nothing could ever be done; to have no limit, leave it out",
        ],
    ),
    "an offset for a zone": (
        RULE + 'schedule: "0 3 * * *"\ntimezone: "UTC+1"\n',
        ["5:11: timezone: 'UTC+1' is not a time zone; write one such as Europe/Berlin"],
    ),
    "undefined name in a template": (
        'name: a\nvars: {base: "http://127.0.0.1"}\nstart: ["{{ bse }}/x"]\nhttp: {headers: {X: "{{ bass }}"}}\n'
        'rules: {r: {item: {a: "{{ item.b }}", b: "{{ url }}", c: "{{ saved.token }}"}}}\n',
        [
            '3:9: start.0: "bse" is not known here; did you mean "base"?',
            '4:21: http.headers.X: "bass" is not known here; did you mean "base"?',
            '5:23: rules.r.item.a: item has no field "b" here',
            '5:42: rules.r.item.b: "url" is not known here; it belongs to a file, in files: path, key, headers, when',
            '5:58: rules.r.item.c: saved has no field "token" here',
        ],
    ),
    "template that is none": (
        RULE + 'dest: "{{ 1 + }}"\nfiles: {path: "{{ filename | slugg }}"}\n',
        [
            "4:7: dest: not a template: unexpected }}",
            "5:15: files.path: there is no filter 'slugg'; did you mean \"slug\"?",
        ],
    ),
    "bad selector": (
        HEAD + 'rules:\n  r: {item: {a: {css: h1, match: "("}, b: {xpath: "//a"}}}\n  s: {}\n',
        [
            "4:34: rules.r.item.a.match: not a regex: missing ), unterminated subpattern at position 0",
            "4:44: rules.r.item.b.xpath: the language here is CSS, not XPath",
            "5:3: rules.s: nothing reaches this rule; name it in start (rule:) or in a follow",
        ],
    ),
    "unquoted template": (
        "name: a\nstart:\n  - {{ base }}/x\nrules: {r: {}}\n",
        ['3:5: put quotes around a template: "{{ ... }}"'],
    ),
    "a comment for a selector": (
        HEAD + "rules:\n  r:\n    files: #cover img\n    key: a\n",
        [f"5:12: rules.r.files: {COMMENT}", '6:10: rules.r.key: the item has no field "a"'],
    ),
    "rules that are not there": (
        'name: a\nstart: [{url: "http://127.0.0.1/", rule: bok}]\nrules: {book: {follow: {boook: a}}}\n',
        [
            '2:42: start.0.rule: there is no rule "bok"; did you mean "book"?',
            '3:25: rules.book.follow.boook: there is no rule "boook"; did you mean "book"?',
        ],
    ),
    "a rule that nothing reaches": (
        HEAD + "rules:\n  a: {follow: {b: a}}\n  b: {follow: {b: a}}\n  c: {follow: {d: a}}\n  d: {}\n",
        [
            "6:3: rules.c: nothing reaches this rule; name it in start (rule:) or in a follow",
            "7:3: rules.d: nothing reaches this rule; name it in start (rule:) or in a follow",
        ],
    ),
    "fields that no rule gives": (
        HEAD + 'rules: {r: {item: {title: h1}, key: [titel], files: {select: img, path: "{{ item.titel }}"}}}\n'
        'files: {path: "{{ item.tilte }}/{{ item.title }}"}\nexpect: {filled: {titlle: ">= 1%"}}\n',
        [
            '3:38: rules.r.key.0: the item has no field "titel"; did you mean "title"?',
            '3:73: rules.r.files.path: item has no field "titel" here; did you mean "title"?',
            '4:15: files.path: item has no field "tilte" here; did you mean "title"?',
            '5:19: expect.filled.titlle: no rule gives a field "titlle"; did you mean "title"?',
        ],
    ),
    "a path of an item where there is none": (
        HEAD + 'rules: {r: {files: {select: img, path: "{{ item.title }}"}}}\n',
        ['3:40: rules.r.files.path: "item" is not known here; the rule gives no item'],
    ),
    "URLs, origins, proxies, bounds": (
        'name: a\nstart: ["ftp://127.0.0.1/", "{{ base }}/x"]\nvars: {base: "127.0.0.1"}\nrules: {r: {files: img}}\n'
        'http: {origins: ["cdn.example.org", "https://a.example/b"], proxies: {http: "sock5://x:1"}}\n'
        "files: {accept: {min_bytes: 2k, max_bytes: 1k}}\n",
        [
            '2:9: start.0: "ftp://127.0.0.1/" is not an http or https URL',
            '2:29: start.1: "127.0.0.1/x" is not an http or https URL',
            '5:18: http.origins.0: "cdn.example.org" is not an origin as in https://cdn.example.org',
            '5:37: http.origins.1: "https://a.example/b" is not an origin as in https://cdn.example.org',
            '5:77: http.proxies.http: no proxy of kind "sock5"; there are http, https, socks4, socks4a, socks5, socks5h',
            "6:29: files.accept.min_bytes: min_bytes is more than max_bytes",
        ],
    ),
    "types that are none": (
        HEAD + "files: {accept: {types: [image/*, '*', Text/HTML; charset=x, jpg, pictures]}}\n"
        "rules: {r: {files: {select: img, accept: {types: ['image /png']}}}}\n",
        [
            '3:62: files.accept.types.3: "jpg" is no media type; did you mean "image/jpeg"?',
            '3:67: files.accept.types.4: "pictures" is no media type; write one such as image/jpeg, or image/*',
            '4:51: rules.r.files.accept.types.0: "image /png" is no media type; write one such as image/jpeg, or image/*',
        ],
    ),
    "a selector's keys beside a file's": (
        HEAD + 'rules: {r: {files: {css: img, path: "x"}}}\n',
        [
            "3:31: rules.r.files.path: unknown key in a selector; put the selector into `select: {...}` and path beside it"
        ],
    ),
    "login": (
        RULE + "login:\n  - {get: a, post: b}\n  - {save: {t: \"{{ saved.u }}\"}, get: 'http://h/{{ saved.t }}'}\n",
        [
            "5:5: login.0: a login step is one of get, post, put, patch, delete, head, options, token (with a URL) or form",
            '6:16: login.1.save.t: saved has no field "u" here',
            '6:39: login.1.get: saved has no field "t" here',
        ],
    ),
    "secrets that data could choose": (
        RULE + 'vars: {a: "{{ env(b) }}", c: "{{ env(\'X\') | upper }}"}\n',
        [
            "4:11: vars.a: env takes one text in quotes: env('NAME')",
            "4:30: vars.c: a secret goes through no filter but urlencode; take away `| upper`",
        ],
    ),
    "on_finish": (
        RULE + 'on_finish: [echo, "{{ summary.itmes }}"]\n',
        ['4:19: on_finish.1: summary has no field "itmes" here; did you mean "items"?'],
    ),
    "a shell line": (
        RULE + "on_finish: notify me\n",
        ["4:12: on_finish: expected an argument list such as [notify-send, done], never a shell line"],
    ),
    "no mapping": ("- a\n", ["1:1: expected a mapping with name, start and rules, found a list"]),
    "nothing": ("# nothing\n", ["1:1: expected a mapping with name, start and rules, found nothing"]),
    "no rules": (HEAD, ["2:9: start.0: no rule reads this page; write rules, or `as: files`"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_job_is_told_with_line_column_and_cure(write, name):
    text, expected = BROKEN[name]
    assert mistakes(write(text)) == expected


@pytest.mark.parametrize(
    ("rule", "place", "begin"),
    [
        ('{item: {a: "a["}}', "3:23: rules.r.item.a", "not CSS: "),
        ('{read: json, each: "a b"}', "3:31: rules.r.each", "not JMESPath: "),
        ('{read: xml, each: "//a["}', "3:30: rules.r.each", "not XPath: "),
        ('{read: text, each: "("}', "3:31: rules.r.each", "not regex: "),
        ('{each: {css: a, jmespath: "[]"}, item: {b: "a b"}}', "3:55: rules.r.item.b", "not JMESPath: "),
        ('{each: {css: a, jmespath: "[]"}, next: "a["}', "3:51: rules.r.next", "not CSS: "),
        ('{expect: {has: "a["}}', "3:27: rules.r.expect.has", "not CSS: "),
        ('{item: {a: ""}}', "3:23: rules.r.item.a", "the selector is empty"),
        ('{files: [img, {select: "a["}]}', "3:35: rules.r.files.1.select", "not CSS: "),
        ('{follow: {r: {select: a, allow: "("}}}', "3:44: rules.r.follow.r.allow", "not a regex: "),
        ('{next: {form: "a[", cursor: {x: "b["}}}', "3:26: rules.r.next.form", "not CSS: "),
    ],
)
def test_a_selector_is_compiled_in_the_language_of_its_place(write, rule, place, begin):
    first = mistakes(write(f"{HEAD}rules: {{r: {rule}}}\n"))[0]
    assert (first.startswith(f"{place}: {begin}"), first.count("\n")) == (True, 0)


def test_a_mistake_names_the_file_as_it_was_given(write):
    with pytest.raises(JobError) as told:
        load("./" + write("name: a b\n" + HEAD.partition("\n")[2] + "rules: {r: {}}\n"))
    assert str(told.value) == "./job.yaml:1:7: name: 'a b': a name is made of a-z, 0-9, _ and -"


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(JobError) as told:
        load("nowhere.yaml")
    assert str(told.value) == "nowhere.yaml:1:1: cannot be read: No such file or directory"


def test_a_job_comes_from_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(RULE.encode())))
    loaded = load("-")
    assert (loaded.job.name, loaded.file, loaded.folder) == ("a", "<stdin>", Path())


def test_a_job_comes_from_data():
    data = {"name": "get", "start": [{"url": "http://127.0.0.1/a.png", "as": "files"}]}
    loaded = from_data(data, folder=Path("x"), overrides=["files.jobs=3"])
    assert (loaded.job.name, loaded.job.files.jobs, loaded.folder) == ("get", 3, Path("x"))


def test_what_is_wrong_in_data_is_told_of_the_command_line():
    with pytest.raises(JobError, match=r"^<command line>:1:1: start\.0: \"ftp://h/a\" is not an http or https URL$"):
        from_data({"name": "get", "start": ["ftp://h/a"], "rules": {"r": {}}})


# -- settings ----------------------------------------------------------------------------------------------

VARS = 'vars: {port: 80, base: "http://h:{{ port }}", key: "{{ env(\'KEY_X\') }}", n: 2, none: null}\n'
SETTINGS = (
    RULE.replace("http://127.0.0.1/", "{{ base }}/") + VARS + 'dest: "../{{ vars.n }}"\n'
    'http: {headers: {A: "{{ base }}", B: "{{ none }}", C: "k {{ key }}"}, timeout: {read: "{{ n }}"}}\n'
    'polite: {per_host: "{{ n }}"}\n'
)


def test_settings_are_rendered_over_variables_and_the_rest_stays_as_written(write):
    loaded = load(write(SETTINGS))
    job = settled(loaded)
    mark = secrets.mark("env", "KEY_X")
    assert (job.dest, job.http.headers, job.http.timeout.read, job.polite.per_host, job.start) == (
        "../2",
        {"A": "http://h:80", "C": f"k {mark}"},
        2,
        2,
        ("{{ base }}/",),
    )
    assert loaded.variables == {"port": 80, "base": "http://h:80", "key": mark, "n": 2, "none": None}


def test_a_variable_of_the_command_line_is_text_where_the_jobs_own_is(write):
    loaded = load(write(SETTINGS), variables={"n": "3", "base": "http://x:007"})
    assert (loaded.variables["n"], loaded.variables["base"]) == (3, "http://x:007")


def test_a_variable_that_the_job_does_not_have_is_told(write):
    assert mistakes(write(SETTINGS), variables={"bsae": "x"}) == [
        '--var bsae:1:1: vars.bsae: the job has no variable "bsae"; did you mean "base"?'
    ]


def test_any_key_can_be_overruled(write):
    overrides = ["http.timeout.read=5", "start.0=http://127.0.0.1/b", "rules.r.next=a.next", "name=b"]
    job = load(write(RULE), overrides=overrides).job
    assert (job.http.timeout.read, job.start, job.rules["r"].next, job.name) == (
        5,
        ("http://127.0.0.1/b",),
        "a.next",
        "b",
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "http.timeout.read=x",
            '-o http.timeout.read:1:19: http.timeout.read: expected a number, found text "x"',
        ),
        ("htp.a=1", '-o htp.a:1:7: htp: unknown key; did you mean "http"?'),
        ("name", "-o name:1:1: write KEY=VALUE, as in http.timeout.read=5"),
        ("start.1=x", "-o start.1:1:9: start.1: '1' is no position in a list of 1; they count from 0"),
        ("name.x=1", "-o name.x:1:8: name.x: what holds 'x' is neither a mapping nor a list"),
        ("about={a: 1, a: 2}", "-o about:1:7: duplicate key; it stands on line 1 already"),
        ("about={{ a", '-o about:1:7: put quotes around a template: "{{ ... }}"'),
    ],
)
def test_an_option_that_is_wrong_is_told_at_its_place(write, text, mistake):
    assert mistakes(write(RULE), overrides=[text]) == [mistake]


def test_the_data_holds_what_the_command_line_laid_over_it(write):
    loaded = load(write(SETTINGS), variables={"n": "5"}, overrides=["about=x"])
    assert (loaded.data["vars"]["n"], loaded.data["about"], loaded.data["vars"]["base"]) == (
        5,
        "x",
        "http://h:{{ port }}",
    )


def test_a_later_mistake_is_told_at_its_place_in_the_file(write):
    loaded = load(write(RULE))
    given = [loaded.mistake(path, "x") for path in (("rules", "r", "files", 0, "accept"), ("records",))]
    assert list(map(str, given)) == ["job.yaml:3:49: rules.r.files: x", "job.yaml:1:1: x"]


# -- secrets and warnings ----------------------------------------------------------------------------------

SECRETS = (
    RULE + "http: {headers: {X: \"{{ env('KEY_X') }}\"}, auth: {bearer: \"{{ secret_file('key.txt') }}\"}}\n"
    "on_finish: [echo, \"{{ env('KEY_X') }}\", \"{{ env('KEY_Y') | urlencode }}\"]\n"
)


def test_a_secret_that_is_not_set_is_a_warning_and_an_error_once_it_is_needed(write, monkeypatch):
    monkeypatch.delenv("KEY_X", raising=False)
    monkeypatch.setenv("KEY_Y", "y")
    loaded = load(write(SECRETS))
    told = [
        "http.headers.X: the environment variable KEY_X is not set",
        "http.auth.bearer: the secret file key.txt cannot be read: No such file or directory",
    ]
    with pytest.raises(JobError) as needed:
        settle_secrets(loaded)
    assert list(map(str, loaded.warnings)) == [
        f"job.yaml:4:21: warning: {told[0]}",
        f"job.yaml:4:59: warning: {told[1]}",
    ]
    assert str(needed.value) == f"job.yaml:4:21: {told[0]}\njob.yaml:4:59: {told[1]}"


def test_secrets_are_known_by_their_marks(write, monkeypatch, tmp_path):
    monkeypatch.setenv("KEY_X", "x")
    monkeypatch.setenv("KEY_Y", "")
    (tmp_path / "key.txt").write_text("s3cret\r\n")
    loaded = load(write(SECRETS))
    assert (loaded.warnings, settle_secrets(loaded)) == (
        (),
        {"env:KEY_X": "x", "env:KEY_Y": "", "file:key.txt": "s3cret"},
    )


def test_a_secret_that_the_command_line_replaced_is_not_asked_for(write):
    assert settle_secrets(load(write(SETTINGS), variables={"key": "k"})) == {}


def test_a_variable_named_as_a_name_of_templates_is_warned_of(write):
    loaded = load(write(RULE + "vars: {url: x}\n"))
    message = "url is a name of templates too; write vars.url where the variable is meant"
    assert list(map(str, loaded.warnings)) == [f"job.yaml:4:8: warning: vars.url: {message}"]
