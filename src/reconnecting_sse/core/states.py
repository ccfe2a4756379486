"""Where a subscription is in its life, and what follows what: one table."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a source is in its life."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    STANDBY = "standby"
    PAUSED = "paused"
    CLOSED = "closed"


NEXT: dict[State, dict[State, str]] = {
    State.STANDBY: {
        State.CONNECTING: "the name is claimed",
    },
    State.CONNECTING: {
        State.OPEN: "an event stream answers",
        State.WAITING: "no answer, or another",
    },
    State.OPEN: {
        State.WAITING: "it ends, or is cut",
        State.CONNECTING: "reconnect(), or broken off",
        State.PAUSED: "the store has to catch up",
    },
    State.PAUSED: {
        State.OPEN: "it has",
    },
    State.WAITING: {
        State.CONNECTING: "it is time",
    },
}
"""From each state to those that may follow, and why. CLOSED may follow each, by a 204,
``close()``, ``until``, or an error that is raised, and nothing follows it. With a store
a life begins at STANDBY, else at CONNECTING."""


def may_follow(state: State, following: State) -> bool:
    """Whether the table has it; what is so already may be so still."""
    return following in (state, State.CLOSED) or following in NEXT.get(state, ())
