"""What a server may have seen of an exchange, and whether one has acted on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.core.sent import Acted, Sent
from reconnecting_sse.exchange.failures import was_never_sent

if TYPE_CHECKING:
    import httpxr


class Trail:
    """Kept as the exchange goes on, for whoever breaks it off.

    Attributes:
        sent: What was sent so far; the method is the first request's.
    """

    def __init__(self, method: str) -> None:
        self.sent: Sent = Sent(method)

    def begins(self, method: str) -> None:
        """The first request is known."""
        self.sent = Sent(method)

    def sends(self) -> None:
        """A request goes to a wire: from now on its server may act."""
        self._supposes(Acted.MAYBE)

    def fails(self, error: httpxr.HTTPError) -> None:
        """The wire's call came to an error."""
        if was_never_sent(error):
            self._supposes(Acted.NO)

    def leads_to(self, method: str) -> None:
        """A redirect is followed by this method.

        An answer that tells where the result is: what was asked for is done.
        """
        if method != self.sent.method:
            self.sent = Sent(self.sent.method, Acted.YES)

    def _supposes(self, acted: Acted) -> None:
        if self.sent.acted is not Acted.YES:
            self.sent = Sent(self.sent.method, acted)
