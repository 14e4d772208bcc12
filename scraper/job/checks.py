"""What is wrong in a job although every key and type is right. Pure: a job in, findings out.

Templates and selectors are compiled and their names looked up; rules are followed from
the start; URLs, origins, bounds and proxies are judged where they are known already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scraper import secrets, units, urls
from scraper.files import naming
from scraper.files.types import type_for
from scraper.job import casechecks, sessions
from scraper.job.fields import GLOBAL_NAMES, did_you_mean, is_template
from scraper.job.filters import moment
from scraper.job.model import Accept, Job
from scraper.job.parts import LongSelector, Range
from scraper.job.places import HOOKS, Finding, Path
from scraper.job.template import TemplateError, env_names, render_text, used_names
from scraper.job.uses import OF_FILE, Scope, Use, uses
from scraper.lists.axes import AxisError, step_in_time, values
from scraper.net import proxylist
from scraper.page.selectors import SelectorError, compile_selector

Names = Mapping[str, Any]
UNREACHED = "nothing reaches this rule; name it in start (rule:) or in a follow"


def check(job: Job, names: Names) -> Iterator[Finding]:
    """Everything that is wrong, by the paths of the model; `names` are those known before the run."""
    for use in uses(job):
        yield from _KINDS[use.kind](use)
    for judge in _JUDGES:
        yield from judge(job, names)


# -- templates, selectors, patterns ------------------------------------------------------------------------


def check_text(use: Use) -> Iterator[Finding]:
    """A text that may be a template."""
    if is_template(use.value):
        try:
            env_names(use.value)
            unknown = [_unknown(name, use.scope) for name in sorted(used_names(use.value))]
        except TemplateError as error:
            unknown = [str(error)]
        yield from (Finding(use.path, message) for message in unknown if message)


def _unknown(chain: tuple[str, ...], scope: Scope) -> str | None:
    name = chain[0]
    if name not in scope.names:
        return f'"{name}" is not known here{_why(name, scope)}'
    fields = scope.known.get(name)
    if fields is None or len(chain) == 1 or chain[1] in fields:
        return None
    return f'{name} has no field "{chain[1]}" here{did_you_mean(chain[1], fields)}'


def _why(name: str, scope: Scope) -> str:
    if name == "item":
        return "; the rule gives no item"
    if name in OF_FILE - {"rule", "page"}:
        return "; it belongs to a file, in files: path, key, headers, when"
    return did_you_mean(name, sorted(scope.names))


def _check_select(use: Use) -> Iterator[Finding]:
    selector, path = use.value, use.path
    if isinstance(selector, LongSelector):
        yield from _check_long(use, selector)
    elif is_template(selector):
        yield from check_text(use)
    else:
        yield from _compiled(use, path, selector, use.language)


def _check_long(use: Use, selector: LongSelector) -> Iterator[Finding]:
    if selector.template is not None:
        scope = use.scope.plus("value")
        yield from check_text(Use((*use.path, "template"), "text", selector.template, scope))
    language = use.on_page if selector.root else use.language
    others = [one for one in ("css", "xpath", "regex") if one != language and getattr(selector, one) is not None]
    for other in others:
        yield Finding((*use.path, other), f"the language here is {_SPOKEN[language]}, not {_SPOKEN[other]}", True)
    if not others:
        yield from _compiled_parts(use, selector, language)


def _compiled_parts(use: Use, selector: LongSelector, language: str) -> Iterator[Finding]:
    """Each part for itself, so that the mistake is told where it stands."""
    for part in ("css", "xpath", "regex", "jmespath"):
        if (text := getattr(selector, part)) is not None:
            yield from _compiled(use, (*use.path, part), text, part)
    if selector.match is not None:
        yield from _check_pattern(Use((*use.path, "match"), "pattern", selector.match))


_SPOKEN = {"css": "CSS", "xpath": "XPath", "regex": "regex", "jmespath": "JMESPath"}


def _compiled(use: Use, path: Path, text: str, language: str) -> Iterator[Finding]:
    try:
        compile_selector(text, language, parser=use.parser)
    except SelectorError as error:
        yield Finding(path, str(error))


def _check_pattern(use: Use) -> Iterator[Finding]:
    try:
        re.compile(use.value)
    except re.error as error:
        yield Finding(use.path, f"not a regex: {error}")


_KINDS: dict[str, Callable[[Use], Iterator[Finding]]] = {
    "text": check_text,
    "select": _check_select,
    "pattern": _check_pattern,
}

# -- rules -------------------------------------------------------------------------------------------------


def _rules_exist(job: Job, names: Names) -> Iterator[Finding]:
    for at in range(len(job.start)):
        entry = job.entry(at)
        if entry.rule is not None and entry.rule not in job.rules:
            yield Finding(("start", at, "rule"), _no_rule(entry.rule, job))
        elif not job.rules and entry.as_ is None:
            yield Finding(("start", at), "no rule reads this page; write rules, or `as: files`")
    for name, rule in job.rules.items():
        for target in rule.follow:
            if target not in job.rules:
                yield Finding(("rules", name, "follow", target), _no_rule(target, job), True)


def _no_rule(name: str, job: Job) -> str:
    return f'there is no rule "{name}"{did_you_mean(name, job.rules)}'


def _rules_reached(job: Job, names: Names) -> Iterator[Finding]:
    if any(_rules_exist(job, names)):
        return  # a name that is spelt wrong leaves its rule unreached, which is no second mistake
    reached: set[str] = set()
    open_ends = [job.rule_of(job.entry(at)) for at in range(len(job.start))]
    while open_ends:
        name = open_ends.pop()
        if name is not None and name in job.rules and name not in reached:
            reached.add(name)
            open_ends += list(job.rules[name].follow)
    for name in job.rules:
        if name not in reached:
            yield Finding(("rules", name), UNREACHED, True)


def _keys(job: Job, names: Names) -> Iterator[Finding]:
    for name, rule in job.rules.items():
        for at, field in enumerate(rule.key):
            if field not in rule.item:
                message = f'the item has no field "{field}"{did_you_mean(field, rule.item)}'
                yield Finding(("rules", name, "key", at), message)


def _expect(job: Job, names: Names) -> Iterator[Finding]:
    entries = map(job.entry, range(len(job.start)))
    of_rows = any(
        entry.as_ == "files" and not (entry.rule in job.rules and job.rules[entry.rule].item) for entry in entries
    )
    known = {field for rule in job.rules.values() for field in rule.item}
    for field in job.expect.filled:
        if field not in known and not of_rows:  # a row has whatever fields it came with
            message = f'no rule gives a field "{field}"{did_you_mean(field, known)}'
            yield Finding(("expect", "filled", field), message, True)
    for name in ("items", "files"):
        asked = getattr(job.expect, name)
        if asked is not None and units.bound(asked).percent:
            yield Finding(("expect", name), f"{asked}: of what? write a number; `drop` compares with the last run")


def _commands(job: Job, names: Names) -> Iterator[Finding]:
    for key in (*HOOKS, "notify"):
        for at, one in enumerate(getattr(job, key)):
            if one.when is not None and not is_template(one.when):
                example = "{{ file.bytes > 1000 }}" if key == "on_file" else "{{ summary.exit_code != 0 }}"
                message = f'a selector has no page here; write a template such as "{example}"'
                yield Finding((key, at, "when"), message)


# -- numbers and URLs --------------------------------------------------------------------------------------


def _bounds(job: Job, names: Names) -> Iterator[Finding]:
    yield from _accept(("files", "accept"), job.files.accept)
    for name, rule in job.rules.items():
        for at, spec in enumerate(rule.file_specs):
            if spec.accept is not None:
                yield from _accept(("rules", name, "files", at, "accept"), spec.accept)


_MEDIA = re.compile(r"\*|(?:\*|[\w!#$&^.+-]+)/(?:\*|[\w!#$&^.+-]+)\s*(?:;.*)?", re.ASCII)  # RFC 6838 section 4.2


def _accept(path: Path, accept: Accept) -> Iterator[Finding]:
    for at, media in enumerate(accept.types or ()):
        if not _MEDIA.fullmatch(media):
            known = type_for(media)
            cure = f'did you mean "{known}"?' if known else "write one such as image/jpeg, or image/*"
            yield Finding((*path, "types", at), f'"{media}" is no media type; {cure}')
    for what in ("bytes", "width", "height"):
        low, high = getattr(accept, f"min_{what}"), getattr(accept, f"max_{what}")
        if low is not None and high is not None and units.size(low) > units.size(high):
            yield Finding((*path, f"min_{what}"), f"min_{what} is more than max_{what}")


def _urls(job: Job, names: Names) -> Iterator[Finding]:
    for path, text in _written_urls(job):
        url = _known_text(text, names)
        if url is not None and not urls.is_http(url):
            yield Finding(path, f'"{url}" is not an http or https URL')


def _written_urls(job: Job) -> Iterator[tuple[Path, str]]:
    for at, step in enumerate(job.login):
        if step.form is None:
            yield ("login", at, step.verb), getattr(step, step.verb)
    for at, given in enumerate(job.start):
        entry = job.entry(at)
        for key in ("url", "sitemap", "feed"):
            if (text := getattr(entry, key)) is not None:
                yield ("start", at) if isinstance(given, str) else ("start", at, key), text


def _known_text(text: str, names: Names) -> str | None:
    """The text as it will be, where only what is known before the run makes it, and no secret."""
    try:
        if is_template(text) and any(used[0] not in names for used in used_names(text)):
            return None
        rendered = render_text(text, names)
    except TemplateError:
        return None  # told where it is checked as a template
    return None if secrets.names(rendered) else rendered


def _axes(job: Job, names: Names) -> Iterator[Finding]:
    """Axes of `for` whose values hang on nothing that only the run knows."""
    for at in range(len(job.start)):
        for name, axis in (job.entry(at).for_ or {}).items():
            try:
                if isinstance(axis, Range) and isinstance(axis.step, str) and not is_template(axis.step):
                    step_in_time(axis.step)
                next(values(axis, names), None)
            except AxisError as error:
                yield Finding(("start", at, "for", name), str(error))
            except TemplateError:  # a name that the run knows, or one that is told where templates are checked
                continue


def _since(job: Job, names: Names) -> Iterator[Finding]:
    for at in range(len(job.start)):
        since = job.entry(at).since
        if since is not None and not is_template(since):
            try:
                moment(since)
            except ValueError as error:
                yield Finding(("start", at, "since"), str(error))


def _origins(job: Job, names: Names) -> Iterator[Finding]:
    for at, text in enumerate(job.http.origins):
        if secrets.names(text):
            continue
        if not urls.is_http(text) or urls.canonical(text) != urls.canonical(urls.origin(text)):
            yield Finding(("http", "origins", at), f'"{text}" is not an origin as in https://cdn.example.org')


def _proxies(job: Job, names: Names) -> Iterator[Finding]:
    if job.http.proxies == ():
        yield Finding(("http", "proxies"), "a list without proxies; name one, or leave `proxies` out")
    for key, url in proxylist.urls_of(job.http.proxies).items():
        scheme, mark, _ = url.partition("://")
        if mark and secrets.names(scheme):
            continue  # judged when its secrets are known (run/kit.py)
        if (told := proxylist.mistake(secrets.reveal(url, lambda name: "0"))) is not None:
            yield Finding(("http", "proxies", key), told)


def _archive(job: Job, names: Names) -> Iterator[Finding]:
    """An archive and the records, neither of which may be where the other is, or a folder on the way to it."""
    if job.archive is None:
        return
    archive, records = (naming.fold(path).split("/") for path in (job.archive, job.records.path))
    depth = min(len(archive), len(records))
    if archive[:depth] == records[:depth]:
        yield Finding(("archive",), f"{job.archive} is where the records go ({job.records.path}); name another")


def _version(job: Job, names: Names) -> Iterator[Finding]:
    if job.files.transport == "requests" and job.http.version != "1.1":
        yield Finding(("http", "version"), "`files.transport: requests` speaks HTTP/1.1 alone; leave one of them out")


def _shadows(job: Job, names: Names) -> Iterator[Finding]:
    for name in job.vars:
        if name in GLOBAL_NAMES:
            message = f"{name} is a name of templates too; write vars.{name} where the variable is meant"
            yield Finding(("vars", name), message, True, warning=True)


_JUDGES = (
    _shadows,
    _rules_exist,
    _rules_reached,
    _keys,
    _expect,
    _commands,
    _bounds,
    _urls,
    _axes,
    _since,
    _origins,
    _proxies,
    _version,
    _archive,
    *sessions.JUDGES,
    *casechecks.JUDGES,
)
