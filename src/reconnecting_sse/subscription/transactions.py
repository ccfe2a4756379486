"""One transaction: the effects of what is in hand, and its position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.core.errors import StoreUnavailable
from reconnecting_sse.subscription.errands import Errand

if TYPE_CHECKING:
    from types import TracebackType

    from reconnecting_sse.core.claims import Mark
    from reconnecting_sse.subscription.custody import AsyncCustody, SyncCustody
    from reconnecting_sse.subscription.holding import Holding


class _Transaction:
    """What the faces have in common: what is asked for, and what came of it."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._transaction: Any = None
        self._mark: Mark | None = None

    def _beginning(self) -> Errand:
        """What begins it, if one may begin here.

        Raises:
            RuntimeError: None may: outside a loop's body, or within another one.
            ValueError: Events before the one in hand are not done.
            ClaimLost: Another process has taken over.
        """
        holding = self._holding
        if holding.error is not None:
            raise holding.error
        if holding.has_transaction:
            raise RuntimeError("a transaction of this source is open: they do not nest")
        if holding.ledger is None or not holding.ledger.in_hand:
            raise RuntimeError(
                "a transaction is for the event in hand, once for each: begin it in the"
                " body of a loop over this source"
            )
        if isinstance(holding.ledger, WorkLedger):
            raise TypeError(
                "a worker makes its handler's transactions: with transactional=True it"
                " is called with the event and the connection"
            )
        self._mark = holding.ledger.mark_in_hand()
        holding.has_transaction = True
        return Errand("begin")

    def _began(self, errand: Errand) -> Any:
        """What the caller may write on."""
        if not errand.is_done or isinstance(errand.outcome, BaseException):
            self._give_up(errand)
            raise self._error_of(errand)
        self._transaction = errand.outcome
        return errand.outcome.connection

    def _give_up(self, errand: Errand) -> None:
        """Nobody waits for its beginning any more."""
        self._holding.has_transaction = False
        self._holding.drop(errand)

    def _ending(self, error: BaseException | None) -> Errand:
        kind: Literal["end", "abort"] = "end" if error is None else "abort"
        return Errand(kind, self._transaction, self._mark)

    def _ended(self, errand: Errand) -> None:
        self._holding.has_transaction = False
        if not errand.is_done and errand.kind == "end":
            # Nobody knows whether it counts: nothing may follow before that is known.
            self._holding.end(self._error_of(errand))

    def _raise(self, errand: Errand) -> None:
        if not errand.is_done or errand.outcome is not None:
            raise self._error_of(errand)

    def _error_of(self, errand: Errand) -> BaseException:
        if errand.is_done and isinstance(errand.outcome, BaseException):
            return errand.outcome
        name = self._holding.durability.name
        return StoreUnavailable(
            f"the store of {name!r} has not answered the {errand.kind} of a transaction"
            " in time, or the source was closed"
        )


class SyncTransaction(_Transaction):
    """For ``with``."""

    def __init__(self, holding: Holding, custody: SyncCustody) -> None:
        super().__init__(holding)
        self._custody = custody

    def __enter__(self) -> Any:
        errand = self._beginning()
        try:
            self._custody.run(errand)
        except BaseException:
            self._give_up(errand)
            raise
        return self._began(errand)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        errand = self._ending(error)
        try:
            self._custody.send(errand)
            try:
                self._custody.finish(errand)
            except BaseException:  # a second one will end the wait
                self._custody.finish(errand)
                raise
        finally:
            self._ended(errand)
        if error is None:
            self._raise(errand)


class AsyncTransaction(_Transaction):
    """For ``async with``."""

    def __init__(self, holding: Holding, custody: AsyncCustody) -> None:
        super().__init__(holding)
        self._custody = custody

    async def __aenter__(self) -> Any:
        errand = self._beginning()
        try:
            await self._custody.run(errand)
        except BaseException:
            self._give_up(errand)
            raise
        return self._began(errand)

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        errand = self._ending(error)
        try:
            self._custody.send(errand)
            try:
                await self._custody.finish(errand)
            except BaseException:  # a second one will end the wait
                await self._custody.finish(errand)
                raise
        finally:
            self._ended(errand)
        if error is None:
            self._raise(errand)
