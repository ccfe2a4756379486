"""What an exchange asks its runner to do, and what it comes to: values only."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpxr


@dataclass(frozen=True, slots=True)
class Send:
    """The wire's call: ``transport`` is to answer ``request``."""

    transport: Any
    request: httpxr.Request


@dataclass(frozen=True, slots=True)
class ReadAll:
    """The body of ``response`` is to be read whole; the result is its bytes."""

    response: httpxr.Response


@dataclass(frozen=True, slots=True)
class Free:
    """The connection of ``response`` is no longer needed."""

    response: httpxr.Response


@dataclass(frozen=True, slots=True)
class InThread:
    """A call that may block: on a loop not in its thread."""

    call: Callable[[], Any]


Call = Send | ReadAll | Free | InThread | Callable[[], Any]
Steps = Generator[Call, Any, Any]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange came to.

    Attributes:
        refusal: Why the redirect that ``response`` is was not followed, if it was not.
    """

    response: httpxr.Response
    transport: Any
    refusal: str = ""
