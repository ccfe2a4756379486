"""What a store is: the calls that a keeper makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconnecting_sse.core.claims import Claim, Mark


class Store(Protocol):
    """Keeps positions by durable name, for any number of names and processes.

    One keeper makes its calls, one at a time: a thread where ``is_async`` is false,
    else a task, and then each call gives an awaitable. Each is atomic: done, or
    not done at all. A cancelled or failed one may have reached the store all the same.

    Each raises ``StoreUnavailable`` where another try may help, ``StoreRefused`` where
    none does, and no error of its driver's.
    """

    @property
    def is_async(self) -> bool:
        """Whether its calls give awaitables."""

    @property
    def is_exclusive(self) -> bool:
        """Whether an open transaction shuts out every other call that writes."""

    def claim(self, name: str, lease: float | None, owner: str) -> Any:
        """Take the name over: a ``Claim``, or ``Held`` while another's lease runs.

        Token and nonce are new, what is committed stays, ``seq`` begins at 0.
        """

    def renew(self, claims: Sequence[Claim], lease: float) -> Any:
        """Let these leases run for so many seconds from now: the claims that are lost.

        One statement. A lease that has ended is renewed if nobody has taken over.
        """

    def commit(self, marks: Sequence[tuple[Claim, Mark]]) -> Any:
        """Record positions: the claims that are lost, which recorded nothing.

        A mark whose ``seq`` is not above the last one does nothing, and is not lost;
        one without a position does what is beside it. What moves the position sets
        ``starts`` to 1 and takes nothing in hand, before what is beside it.
        """

    def release(self, claim: Claim) -> Any:
        """Leave the name to whoever claims it next; nothing if it is lost already.

        ``starts`` is then 0.
        """

    def begin(self, claim: Claim) -> Any:
        """Begin a transaction: an object with the caller's ``connection``."""

    def end(self, transaction: Any, mark: Mark) -> Any:
        """Record the mark as the last statements, and commit.

        Raises:
            ClaimLost: The claim is, or the ``seq`` is old: all is rolled back.
            StoreUnavailable: It failed, or came without an answer: in doubt.
        """

    def abort(self, transaction: Any) -> Any:
        """Roll back; raises nothing."""

    def recover(self, claim: Claim) -> Any:
        """Bump the token of one's own claim: the new ``Claim``, and the ``seq``.

        So whatever is still under way under the old token can have no effect, and the
        ``seq`` says whether the last transaction had one. The nonce alone has to be the
        store's: a call before may have bumped the token, and its answer been lost.

        Raises:
            ClaimLost: Somebody else has taken over.
        """

    def recall(self, claim: Claim) -> Any:
        """What the last life has left beside the position: ``Recalled``."""

    def replays(self, claims: Sequence[Claim]) -> Any:
        """The dead letters of these names that are to be handed over once more."""

    def letters(self, name: str | None = None) -> Any:
        """Dead letters, as a list of ``DeadLetter``, oldest first; by name or all."""

    def replay(self, name: str, keys: Sequence[str]) -> Any:
        """Have these dead letters handed over once more; how many there were."""

    def drop(self, name: str, keys: Sequence[str]) -> Any:
        """Delete these dead letters; how many there were."""

    def beat(self, fleet: str, member: str, lease: float | None) -> Any:
        """Be a member of a fleet for so many seconds from now; None: be none.

        All members whose time has not run out, by the store's clock, sorted. Whoever's
        has is deleted.
        """

    def places(self) -> Any:
        """All names, as a list of ``Place``, by name."""

    def put(self, name: str, position: str | None) -> Any:
        """Set a name's position, or forget it; whoever held a claim has lost it.

        The row stays, and its token grows; what is beside a position is forgotten, but
        the dead letters are not.
        """

    def close(self) -> Any:
        """Free what the store opened by itself; a later call opens it again."""
