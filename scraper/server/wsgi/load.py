"""Applications by name: `module:app`, as gunicorn and others take them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from types import BuiltinFunctionType, FunctionType
from typing import Any

from scraper.errors import UsageError
from scraper.server.wsgi.call import Application

_SPEC = re.compile(r"(?:(?P<prefix>/[^=?#]*)=)?(?P<module>\w+(?:\.\w+)*)(?::(?P<name>\w+(?:\.\w+)*)(?P<call>\(\))?)?")
_USUAL = ("application", "app", "wsgi_app")


def read_mount(text: str) -> tuple[str, Application]:
    """The prefix and the application that `module:app`, `/api=module:app` or `module:make_app()` names.

    Without a name, the first of `application`, `app` and `wsgi_app` that the module has. The working folder is
    searched for modules first.

    Raises:
        UsageError: no such module or name, or the module fails; with the cure.
    """
    match = _SPEC.fullmatch(text)
    if not match:
        raise UsageError(f"--wsgi takes module:app or /prefix=module:app, not {text!r}")
    module = _imported(text, match["module"])
    found = _named(text, module, match["name"])
    if match["call"]:
        found = _made(text, found)
    if not callable(found):
        raise UsageError(f"--wsgi {text}: this is of {type(found).__name__}, which cannot be called; name a WSGI app")
    return match["prefix"] or "/", found


def _imported(text: str, name: str) -> Any:
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as fault:
        missing = fault.name or name
        if name == missing or name.startswith(missing + "."):
            cure = f"install it into this environment, or start where {missing.partition('.')[0]}.py is"
            raise UsageError(f"--wsgi {text}: there is no module {missing}; {cure}") from fault
        raise UsageError(f"--wsgi {text}: {name} needs the module {missing}; install it first") from fault
    except (Exception, SystemExit) as fault:
        raise UsageError(f"--wsgi {text}: {name} cannot be imported: {_told(fault)}") from fault


def _named(text: str, module: Any, name: str | None) -> Any:
    if name is None:
        name = next((usual for usual in _USUAL if hasattr(module, usual)), _USUAL[0])
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"--wsgi {text}: {module.__name__} has no {name}{_there(module)}")
        found = getattr(found, part)
    return found


def _there(module: Any) -> str:
    """What the module has that could be meant: objects first, for most applications are that."""
    known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    known.sort(key=lambda key: isinstance(vars(module)[key], type | FunctionType | BuiltinFunctionType))
    return f"; it has {', '.join(known[:4])}" if known else ""


def _made(text: str, maker: Any) -> Any:
    try:
        return maker()
    except (Exception, SystemExit) as fault:
        raise UsageError(f"--wsgi {text}: the call failed: {_told(fault)}") from fault


def _told(fault: BaseException) -> str:
    """One line: what happened, and the line of the user's code where."""
    if isinstance(fault, SyntaxError):
        return f"{fault.msg} ({fault.filename}, line {fault.lineno})"
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    where = f" ({last[0].filename}, line {last[0].lineno})" if last else ""
    return f"{type(fault).__name__}: {fault}{where}"
