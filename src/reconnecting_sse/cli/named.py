"""Functions that the command line names, as ``package.module:function``."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from reconnecting_sse.core.errors import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITTEN = "write it as package.module:function"


def function_named(text: str) -> Callable[..., Any]:
    """The function, imported; a module in the working directory is found, too.

    Raises:
        ValueError: There is none of that name; it says what is missing.
    """
    module_name, colon, path = text.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"{text!r} names no function: {_WRITTEN}")
    if "" not in sys.path:
        sys.path.insert(0, "")
    found = _module_named(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            raise ValueError(f"there is no {part!r} in {module_name!r}")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{text!r} is no function: it is {shortened(repr(found))}")  # noqa: TRY004  (of a text)
    function: Callable[..., Any] = found
    return function


def _module_named(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        is_itself = error.name is not None and f"{name}.".startswith(f"{error.name}.")
        where = "here, nor installed" if is_itself else f"that {name!r} imports"
        raise ValueError(f"there is no module {error.name!r} {where}") from error
    except Exception as error:  # whatever a stranger's module raises
        kind = type(error).__name__
        raise ValueError(f"{name!r} cannot be imported: {kind}: {error}") from error
