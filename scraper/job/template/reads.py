"""What a template reads, found without rendering it: names for the checks, secrets to be settled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from jinja2 import meta, nodes

from scraper.job.template.engine import TemplateError, parsed


@lru_cache(maxsize=4096)
def used_names(text: str) -> frozenset[tuple[str, ...]]:
    """The names a template reads, with their constant fields: `("item", "title")`, `("base",)`, `("env",)`.

    Raises:
        TemplateError: it cannot be compiled.
    """
    tree = parsed(text)
    free = meta.find_undeclared_variables(tree)
    return frozenset(chain for chain in _chains(tree) if chain[0] in free)


def _chains(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    """`a.b['c']` as ("a", "b", "c"), cut before a subscript that is no text, and the chains in subscripts."""
    names: list[str] = []
    inside: list[nodes.Node] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        inside += [node.arg] if isinstance(node, nodes.Getitem) else []
        name = node.attr if isinstance(node, nodes.Getattr) else _constant(node.arg)
        names = [name, *names] if isinstance(name, str) else []
        node = node.node
    if isinstance(node, nodes.Name) and node.ctx == "load":
        yield (node.name, *names)
    for child in (*inside, *node.iter_child_nodes()):
        yield from _chains(child)


def _constant(node: nodes.Node) -> Any:
    return node.value if isinstance(node, nodes.Const) else None


_SECRETS = {"env": "env", "secret_file": "file"}
_SECRET_FILTERS = ("urlencode", "string", "trim", "default", "d")


@lru_cache(maxsize=4096)
def env_names(text: str) -> tuple[tuple[str, str], ...]:
    """The secrets a template uses: `("env", "API_KEY")`, `("file", "key.txt")`.

    Raises:
        TemplateError: it cannot be compiled; a secret's name is worked out (then data could choose it);
            or a secret passes a filter, which would change the mark that stands for it.
    """
    tree = parsed(text)
    for used in tree.find_all(nodes.Filter):
        if used.node is not None and _is_secret(used.node) and used.name not in _SECRET_FILTERS:
            raise TemplateError(f"a secret goes through no filter but urlencode; take away `| {used.name}`")
    calls = [call for call in tree.find_all(nodes.Call) if _is_secret(call)]
    called = [call.node for call in calls]
    for one in tree.find_all(nodes.Name):
        if one.name in _SECRETS and not any(one is function for function in called):
            raise TemplateError(f"{one.name} takes one text in quotes: {one.name}('NAME')")
    return tuple(_secret(call) for call in calls)


def _is_secret(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _SECRETS


def _secret(call: nodes.Call) -> tuple[str, str]:
    function = cast(nodes.Name, call.node).name
    name = _constant(call.args[0]) if len(call.args) == 1 and not call.kwargs else None
    if not isinstance(name, str) or not name:
        raise TemplateError(f"{function} takes one text in quotes: {function}('NAME')")
    return _SECRETS[function], name
