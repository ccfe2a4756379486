"""Recipes as modules, and what they print."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import httpxr
import pytest

from reconnecting_sse import (
    StreamingTransport,
)

RECIPES = Path(__file__).parents[3] / "examples" / "recipes"
JSON = [("Content-Type", "application/json")]


def recipe(name):
    """The program as a module."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def client(**options):
    with httpxr.Client(transport=StreamingTransport(), **options) as made:
        yield made


def printed(module, capsys, *words, **variables):
    """What the program prints when it is run so, and its end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        module.main(words, standalone_mode=False)
    return capsys.readouterr().out
