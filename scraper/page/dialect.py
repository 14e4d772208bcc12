"""CSS as soupsieve has it, in the words of lexbor. Pure: a selector in, a selector out.

Most of it is the same. What lexbor lacks is said otherwise, where that is exact:

    :empty                 :blank, lexbor's word for "nothing but white space and comments"
    :matches(a)            :is(a)
    [a!=b]                 :not([a=b])
    :disabled, :link...    the elements and attributes that HTML 4.16.3 names
    :scope                 a mark on the node that is asked, an attribute no page can have
    :-soup-contains("a")   a mark on every element that holds the text

A pseudo-class gets a `*` before it where it stands alone: lexbor gives up too early on
`:is(a) b` where `*:is(a) b` finds everything.

Everything else that is not known to answer alike is refused: lexbor reads many
pseudo-classes that it then lets match nothing, or every element.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from scraper.page.css import ForeignError

MARK = "/"
"""How the names of marks begin. No attribute of a page has it: in a tag it ends the name (HTML 13.2.5.33)."""
SCOPE = f"{MARK}scope"

_NAME = r"(?:[\w-]|[^\x00-\x7f]|\\[0-9a-fA-F]{1,6}[ \t\n]?|\\[^\n])+"
_STRING = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_TOKEN = re.compile(
    rf"""(?P<comment>/\*.*?\*/) | (?P<string>{_STRING}) | (?P<colons>::?)(?P<pseudo>{_NAME})
    | (?P<attribute>\[(?:{_STRING}|\\.|[^\]\[\\"'])*\]) | (?P<name>{_NAME}) | (?P<mark>[,()|\["':&]) | (?P<rest>.)""",
    re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(rf"\[\s*(?P<name>{_NAME})\s*(?:(?P<operator>[~|^$*!]?=)(?P<value>.*))?\]", re.DOTALL)
_TEXTS = re.compile(rf"\(\s*((?:{_STRING}|{_NAME})(?:\s*,\s*(?:{_STRING}|{_NAME}))*)\s*\)", re.DOTALL)
_TEXT = re.compile(rf"{_STRING}|{_NAME}", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n]?|\n|(.))", re.DOTALL)

_ALIKE = (
    "root has is where not first-child last-child only-child first-of-type last-of-type only-of-type nth-child "
    "nth-last-child nth-of-type nth-last-of-type lexbor-contains"
)
_SAME = frozenset(_ALIKE.split())
_FIELDS = "input, button, select, textarea, fieldset"
_GROUPED = "fieldset[disabled] > *:not(legend:nth-of-type(1))"
_NEVER_REQUIRED = "[type=hidden], [type=range], [type=color], [type=submit], [type=image], [type=reset], [type=button]"
_DISABLED = (
    f":is(*:is({_FIELDS}, optgroup, option)[disabled], optgroup[disabled] > option, "
    f"fieldset[disabled] > *:is({_FIELDS}), {_GROUPED} *:is({_FIELDS}), "
    f"*:is(select[disabled], fieldset[disabled] > select, {_GROUPED} select) *:is(optgroup, option))"
)
_OTHERWISE = {
    "matches": ":is",
    "empty": ":blank",
    "link": ":is(a, area)[href]",
    "any-link": ":is(a, area)[href]",
    "disabled": _DISABLED,
    "enabled": f":is({_FIELDS}, optgroup, option):not({_DISABLED})",
    "required": f":is(input:not({_NEVER_REQUIRED}), textarea, select)[required]",
    "optional": f":is(*:is(input, textarea, select):not([required]), input:is({_NEVER_REQUIRED}))",
}
_CONTAINS = ("-soup-contains", "contains")
_CONTAINS_OWN = "-soup-contains-own"


@dataclass(slots=True)
class Translated:
    """A selector in lexbor's words.

    Attributes:
        css: the selector; where `:scope` stands it asks for the attribute `SCOPE`.
        is_scoped: whether `:scope` stands in it.
        is_list: whether an element may match twice.
        texts: by the name of a mark, the texts of which an element must hold one.
        begins: whether the next token begins an element's selector.
    """

    css: str = ""
    is_scoped: bool = False
    is_list: bool = False
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    begins: bool = True


def translate(css: str) -> Translated:
    """A selector of ours for lexbor.

    Raises:
        ForeignError: it says what lexbor cannot.
        ValueError: not CSS.
    """
    made, depth, at = Translated(), 0, 0
    while at < len(css):
        found = _TOKEN.match(css, at)
        assert found is not None, "the last kind of token is any character"
        at, mark = found.end(), found["mark"]
        if found["colons"]:
            at = _pseudo(made, css, found)
        elif found["attribute"]:
            made.css += _attribute(found["attribute"])
        else:
            made.css += found[0]
        if not found["comment"]:
            made.begins = found[0] in _BETWEEN
        _refuse(mark)
        made.is_list = made.is_list or (mark == "," and depth == 0)
        depth += (mark == "(") - (mark == ")")
    if depth:
        raise ValueError(f'the brackets of "{css}" do not close')
    return made


_BETWEEN = frozenset(" \t\n\r\f>+~,(")
_OPEN = {'"': "a quote", "'": "a quote", "[": "a bracket"}


def _refuse(mark: str | None) -> None:
    """Raises for what stands where it may not."""
    if mark in _OPEN:
        raise ValueError(f"{_OPEN[mark]} is not closed")
    if mark == ":":
        raise ValueError("a colon stands without a name behind it")
    if mark in ("|", "&"):
        raise _foreign("namespaces" if mark == "|" else "&")


_CURES = {"&": "write :scope, or ", ":checked": "write [checked] or [selected], or "}


def _foreign(what: str) -> ForeignError:
    return ForeignError(f"lexbor does not know {what}; {_CURES.get(what, '')}use parser: lxml")


def _attribute(token: str) -> str:
    found = _ATTRIBUTE.fullmatch(token)
    if found is None and re.match(r"\[[^\]=\"']*\|(?!=)", token):
        raise _foreign("namespaces")
    if found is None:
        raise ValueError(f"{token} is no selector of an attribute")
    if "\\:" in found["name"]:
        raise _foreign(f"attributes with a prefix ({token})")
    return f":not([{found['name']}={found['value']}])" if found["operator"] == "!=" else token


def _pseudo(made: Translated, css: str, found: re.Match[str]) -> int:
    """Adds a pseudo-class; the place in the selector where it ends."""
    name, end = found["pseudo"].lower(), found.end()
    made.css += "*" if made.begins else ""
    if found["colons"] == "::":
        raise ValueError(f"::{name} stands inside; at the end of a selector stands ::text or ::attr(name)")
    if name in (*_CONTAINS, _CONTAINS_OWN):
        return _contains(made, css, name, end)
    if name == "scope":
        made.is_scoped = True
        made.css += f"[{_escaped(SCOPE)}]"
    elif name in _SAME or name in _OTHERWISE:
        made.css += _OTHERWISE.get(name, f":{name}")
    else:
        raise _foreign(f":{name}")
    return end


def _contains(made: Translated, css: str, name: str, at: int) -> int:
    found = _TEXTS.match(css, at)
    if found is None:
        raise ValueError(f':{name} is written :{name}("a text")')
    texts = tuple(_unescaped(text) for text in _TEXT.findall(found[1]))
    if name == _CONTAINS_OWN:
        made.css += f":is({', '.join(f':lexbor-contains({_quoted(text)})' for text in texts)})"
    else:
        mark = MARK + hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        made.texts[mark] = texts
        made.css += f"[{_escaped(mark)}]"
    return found.end()


def _escaped(mark: str) -> str:
    return f"\\{mark}"


def _unescaped(text: str) -> str:
    """What a CSS string or name says (CSS Syntax 4.3.7)."""
    inner = text[1:-1] if text[0] in "\"'" else text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16) or 0xFFFD) if found[1] else found[2] or "", inner)


def _quoted(text: str) -> str:
    return '"' + re.sub(r"[\"\\\x00-\x1f]", lambda found: f"\\{ord(found[0]):x} ", text) + '"'


def tags(names: tuple[str, ...]) -> str:
    """A selector of these tags."""
    return ", ".join(re.sub(r"[^\w-]", lambda found: f"\\{found[0]}", name) for name in names)
