"""Where the log goes when the caller does not say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from reconnecting_sse.core.lifecycle import Fact

NAME = "reconnecting_sse"


def logger_of(given: Any) -> Any:
    """The logger that the caller gave, as one that takes keywords; else the default.

    Raises:
        TypeError: It is no logger.
    """
    if given is None:
        return default_logger()
    if issubclass(type(given), logging.Logger):  # not what only says that it is one
        return _wrapped(given)
    is_adapter = type(given) is logging.LoggerAdapter  # takes no keywords
    if is_adapter or not callable(getattr(given, "info", None)):
        raise TypeError(
            "logger= is a structlog logger, or a plain one of the standard library's,"
            f" not {given!r}"
        )
    return given


def default_logger() -> Any:
    """structlog's own where the application configured it, else the standard library's.

    The latter is silent below WARNING until the application configures logging; it
    never prints to stdout and never touches structlog's global configuration.
    """
    if structlog.is_configured():
        return structlog.get_logger(NAME)
    return _wrapped(logging.getLogger(NAME))


_as_message = structlog.processors.KeyValueRenderer(key_order=["event"])


def _as_message_and_attributes(logger: Any, method: str, fields: Any) -> Any:
    """A readable message, and the fields as the record's own, for JSON formatters.

    A name that the record has already, or that the application's record factory gives
    it, gets an underscore behind it: ``logging`` would raise.
    """
    taken = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    extra = {f"{n}_" if n in taken else n: value for n, value in fields.items()}
    return (_as_message(logger, method, fields),), {"extra": extra}


def _wrapped(logger: Any) -> Any:
    return structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.filter_by_level,
            _as_message_and_attributes,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=False,
    )


def write(logger: Any, fact: Fact) -> None:
    """Log one fact under its static name, at its level."""
    getattr(logger, fact.level)(fact.name, **fact.keywords())
