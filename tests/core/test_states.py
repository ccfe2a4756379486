"""What may follow what, as the table says, and as the picture shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from reconnecting_sse import ReconnectPolicy, State
from reconnecting_sse.core.session import StreamSession
from reconnecting_sse.core.states import NEXT, may_follow

DIAGRAMS = Path(__file__).parents[2] / "docs" / "diagrams"


def test_nothing_follows_the_end():
    assert State.CLOSED not in NEXT
    assert [state for state in State if may_follow(State.CLOSED, state)] == ["closed"]


@pytest.mark.parametrize("state", State)
def test_the_end_and_the_same_may_follow_each(state):
    assert may_follow(state, State.CLOSED)
    assert may_follow(state, state)


def test_what_is_not_in_the_table_is_a_fault_of_ours():
    session = StreamSession(ReconnectPolicy(), url="http://feed.test/")
    session.close("closed")
    with pytest.raises(AssertionError, match="closed, then connecting"):
        session._become(State.CONNECTING)


def test_the_picture_is_drawn_from_the_table():
    spec = importlib.util.spec_from_file_location("life", DIAGRAMS / "life.py")
    life = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "life", life)
        spec.loader.exec_module(life)
        arrows = {(one, other) for one, others in NEXT.items() for other in others}
        assert set(life.ARROWS) == arrows
        assert set(life.PLACES) == set(State)
        assert (DIAGRAMS / "life.svg").read_text("utf-8") == life.drawn()
