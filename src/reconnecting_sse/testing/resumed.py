"""Which position each connection went on from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from reconnecting_sse.testing.script import RecordedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

Position: TypeAlias = Callable[[RecordedRequest], str | None]
"""Where a request says what it goes on after; None if it begins anew."""


def by_header(request: RecordedRequest) -> str | None:
    """In the header ``Last-Event-ID``."""
    return request.header("last-event-id")


def assert_resumed_from(
    requests: Sequence[RecordedRequest],
    positions: Sequence[str | None],
    by: Position = by_header,
) -> None:
    """Assert what each request asked to go on after, in order.

    Args:
        requests: Those that came.
        positions: One for each of them; None for one that begins anew.
        by: What finds it in a request: ``lambda r: r.query("since")``.

    Raises:
        AssertionError: They did otherwise; it shows all of them, without what else
            they carry.
    """
    found = [by(request) for request in requests]
    if found != list(positions):
        lines = "".join(
            f"\n  {number}. {request.method} {request.path} from {position!r}"
            for number, (request, position) in enumerate(
                zip(requests, found, strict=True), 1
            )
        )
        raise AssertionError(
            f"the connections resumed from {found}, not from {list(positions)}:{lines}"
        )
