"""What happens to a subscription, as the facts that are logged and listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.lifecycle import (
    Claimed,
    Closed,
    Connecting,
    Dropped,
    Gap,
    Opened,
    Paused,
    Recovered,
    Resumed,
    StandingBy,
    Unplaced,
    Waiting,
)

if TYPE_CHECKING:
    from reconnecting_sse.core.claims import Claim, Held
    from reconnecting_sse.core.errors import StreamError
    from reconnecting_sse.core.lifecycle import Lifecycle


MANY_TAKEOVERS = 3
"""In a minute: then two processes fight for a name, or one dies again and again."""

ADVICE = (
    "another process takes over the same name again and again, or this one is killed"
    " and started: where several run, give lease= to each, so that one works"
)


class Notices:
    """Keeps the facts, in order, until they are told.

    Attributes:
        untold: Those that are not; whoever tells one takes it out.
    """

    def __init__(self, url: str) -> None:
        self.untold: list[Lifecycle] = []
        self._url = url

    def connecting(self, attempt: int, last_event_id: str) -> None:
        url = self._url
        self._add(Connecting(url=url, attempt=attempt, last_event_id=last_event_id))

    def opened(self, status: int) -> None:
        self._add(Opened(url=self._url, status=status))

    def recovered(self, attempts: int, downtime: float, last_event_id: str) -> None:
        self._add(
            Recovered(
                url=self._url,
                attempts=attempts,
                downtime=downtime,
                last_event_id=last_event_id,
            )
        )

    def gap(
        self, reason: str, asked_for: str, resumed_after: str | None = None
    ) -> None:
        self._add(
            Gap(
                url=self._url,
                reason=reason,
                asked_for=asked_for,
                resumed_after=resumed_after,
            )
        )

    def failed(
        self, error: StreamError, unfinished_bytes: int, goes_on: str | None
    ) -> None:
        """Dropped, as every drop that is nobody's wish."""
        self._add(
            Dropped(
                url=self._url,
                cause=type(error).__name__,
                error=str(error),
                status=error.status,
                unfinished_bytes=unfinished_bytes,
                goes_on=goes_on,
            )
        )

    def given_up(self, cause: str, unfinished_bytes: int) -> None:
        """Dropped, for another connection."""
        url = self._url
        self._add(Dropped(url=url, cause=cause, unfinished_bytes=unfinished_bytes))

    def waiting(self, delay: float, attempt: int, cause: str) -> None:
        url = self._url
        self._add(Waiting(url=url, delay=delay, attempt=attempt, cause=cause))

    def standing_by(self, name: str, held: Held) -> None:
        self._add(StandingBy(url=self._url, durable_name=name, owner=held.owner))

    def claimed(self, claim: Claim) -> None:
        is_much = claim.takeovers >= MANY_TAKEOVERS
        self._add(
            Claimed(
                url=self._url,
                durable_name=claim.name,
                token=claim.token,
                position=claim.position,
                takeovers=claim.takeovers,
                advice=ADVICE if is_much else None,
            )
        )

    def paused(self, name: str, error: StreamError, uncommitted: int) -> None:
        self._add(
            Paused(
                url=self._url,
                durable_name=name,
                error=str(error),
                uncommitted=uncommitted,
            )
        )

    def resumed(self, name: str) -> None:
        self._add(Resumed(url=self._url, durable_name=name))

    def unplaced(self, name: str, position: str) -> None:
        self._add(Unplaced(url=self._url, durable_name=name, position=position))

    def closed(
        self,
        reason: str,
        error: str | None,
        status: int | None,
        unfinished_bytes: int,
    ) -> None:
        self._add(
            Closed(
                url=self._url,
                reason=reason,
                error=error,
                status=status,
                unfinished_bytes=unfinished_bytes,
            )
        )

    def _add(self, fact: Lifecycle) -> None:
        self.untold.append(fact)
