"""When a position is committed: section 11 of what durable subscriptions promise."""

from __future__ import annotations

import pytest

from reconnecting_sse import CommitPolicy, Uncommitted
from reconnecting_sse.testing import Answer, ScriptedServer
from tests.durable.playing import Watched, feed

MANUAL = CommitPolicy(mode="manual")
EACH = CommitPolicy(every=1)


def cursors(server):
    return [request.header("Last-Event-ID") for request in server.requests]


def test_a_new_process_goes_on_where_the_last_one_left(play):
    store = Watched()
    with feed() as server:
        with play(server.url, store).block() as first:
            assert first.ids(10)[-1] == "10"
        with play(server.url, store).block() as second:
            assert second.ids(2) == ["11", "12"]
    assert cursors(server) == [None, "10"]


def test_a_last_event_id_counts_only_where_the_store_has_none(play):
    store = Watched()
    with feed() as server:
        with play(server.url, store, last_event_id="5").block() as first:
            assert first.ids(1) == ["6"]
        with play(server.url, store, last_event_id="20").block() as second:
            assert second.ids(1) == ["7"]


def test_the_committed_empty_position_is_one(play):
    store = Watched()
    store.inner.put("prices", "")
    with (
        feed() as server,
        play(server.url, store, last_event_id="5").block() as player,
    ):
        assert player.ids(1) == ["1"]


def test_with_left_by_break_the_event_in_hand_is_done(play):
    store = Watched()
    with feed() as server, play(server.url, store).block() as player:
        player.take(3)
    assert store.position() == "3"


def test_with_left_by_an_exception_the_event_in_hand_is_not_done(play):
    store = Watched()
    with feed() as server:
        with pytest.raises(KeyError), play(server.url, store).block() as player:
            player.take(3)
            raise KeyError
        with play(server.url, store).block() as player:
            assert player.ids(1) == ["3"]


def test_an_exception_after_commit_leaves_the_event_done(play):
    store = Watched()
    with (
        feed() as server,
        pytest.raises(KeyError),
        play(server.url, store).block() as player,
    ):
        player.source.commit(player.take(3)[-1])
        raise KeyError
    assert store.position() == "3"


def test_another_iterator_hands_over_again_what_was_in_hand(play):
    with feed() as server, play(server.url, Watched()).block() as player:
        player.take(3)
        assert player.iterate().ids(2) == ["3", "4"]
        first, _ = player.iterator, player.iterate()
        assert player.ids(1) == ["4"]
        player.iterator = first
        assert player.ids(2) == ["4", "5"]


def test_what_was_committed_is_not_handed_over_again(play):
    with feed() as server, play(server.url, Watched()).block() as player:
        player.source.commit(player.take(3)[-1])
        assert player.iterate().ids(1) == ["4"]


def test_close_settles_nothing_and_leaving_the_block_does(play):
    store = Watched()
    with feed() as server, play(server.url, store).block() as player:
        player.take(3)
        player.source.close()
        store.wait_for("claim")
        assert store.position() in (None, "2")
    assert store.position() == "3"


def test_after_close_the_next_ask_settles(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store).iterate()
        player.take(3)
        player.source.close()
        assert player.next_or_none() is None
        store.wait_for("release")
    assert store.position() == "3"


def test_a_feed_that_ends_is_committed_and_released_without_a_block(play):
    store = Watched()
    with feed(5, then="stop") as server:
        player = play(server.url, store).iterate()
        assert len(player.rest()) == 5
    assert store.calls == ["claim", "commit", "release"]
    assert store.position() == "5"


def test_until_commits_the_last_event_when_the_next_is_asked_for(play):
    store = Watched()
    with feed() as server:
        player = play(server.url, store, until=lambda event: event.id == "7").iterate()
        assert len(player.rest()) == 7
    assert store.position() == "7"


def test_each_event_is_committed_before_the_next_where_that_is_wanted(play):
    store = Watched()
    with feed() as server, play(server.url, store, commits=EACH).block() as player:
        for number in range(1, 6):
            player.take(1)
            assert store.position() == (str(number - 1) if number > 1 else None)


def test_commits_are_made_while_a_read_waits(play):
    store = Watched()
    quick = CommitPolicy(interval=0.01)
    with feed(3) as server, play(server.url, store, commits=quick).block() as player:
        player.take(3)
        store.wait_for("commit")
        assert store.position() in ("1", "2")


def test_blocks_without_data_move_the_committed_position(play):
    store = Watched()
    script = [Answer(body=b"id: 1\ndata: a\n\nid: 7\n\n"), Answer(204)]
    with ScriptedServer(script) as server:
        player = play(server.url, store, wait=lambda _: 0).iterate()
        assert [event.id for event in player.rest()] == ["1"]
    assert store.position() == "7"


def test_events_that_share_a_position_come_again_with_it(play):
    store = Watched()
    body = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n"
    script = [Answer(body=body, end="hang"), Answer(body=body, end="hang")]
    with ScriptedServer(script) as server:
        with pytest.raises(KeyError), play(server.url, store).block() as player:
            player.take(2)  # c shares the position of b, and neither is done
            raise KeyError
        with play(server.url, store).block() as player:
            player.take(3)
    assert cursors(server) == [None, "1"]


# ---------------------------------------------------------------- by hand


def test_by_hand_the_low_watermark_is_committed(play):
    store = Watched()
    with feed() as server, play(server.url, store, commits=MANUAL).block() as player:
        events = player.take(5)
        for event in reversed(events[1:]):
            player.source.commit(event)
        assert store.position() is None
        player.source.commit(events[0])
    assert store.position() == "5"


def test_by_hand_what_nobody_commits_is_not_committed(play):
    store = Watched()
    with feed() as server:
        with play(server.url, store, commits=MANUAL).block() as player:
            events = player.take(5)
            player.source.commit(events[0])
            player.source.commit(events[2])
        assert store.position() == "1"
        with play(server.url, store, commits=MANUAL).block() as player:
            assert player.ids(1) == ["2"]


def test_by_hand_another_iterator_goes_on(play):
    with (
        feed() as server,
        play(server.url, Watched(), commits=MANUAL).block() as player,
    ):
        events = player.take(2)
        assert player.iterate().ids(1) == ["3"]
        for event in events:
            player.source.commit(event)


def test_a_duplicate_or_a_foreign_event_is_refused(play):
    with (
        feed() as server,
        play(server.url, Watched(), commits=MANUAL).block() as player,
    ):
        event = player.next()
        player.source.commit(event)
        with pytest.raises(ValueError, match="not in hand"):
            player.source.commit(event)


def test_before_anything_is_handed_over_there_is_nothing_to_commit(play):
    with feed() as server:
        player = play(server.url, Watched())
        with pytest.raises(ValueError, match="nothing was handed over yet"):
            player.source.commit(object())


def test_by_hand_too_much_in_hand_is_an_error_that_says_why(play):
    few = CommitPolicy(mode="manual", max_uncommitted=3)
    with feed() as server:
        player = play(server.url, Watched(), commits=few).iterate()
        player.take(3)
        with pytest.raises(Uncommitted, match=r"source\.commit\(event\)"):
            player.next()


def test_by_hand_commits_make_room(play):
    few = CommitPolicy(mode="manual", max_uncommitted=3, every=2)
    store = Watched()
    with feed() as server, play(server.url, store, commits=few).block() as player:
        for number in range(1, 11):
            event = player.next()
            assert event.id == str(number)
            player.source.commit(event)
    assert store.position() == "10"


# ---------------------------------------------------------------- batches


def test_a_batch_is_done_as_one(play):
    store = Watched()
    with feed() as server, play(server.url, store).block() as player:
        player.batches(max_events=4)
        first, second = player.next(), player.next()
        assert [e.id for e in [*first, *second]] == [
            str(n) for n in range(1, len(first) + len(second) + 1)
        ]
        assert max(len(first), len(second)) <= 4
    assert store.position() == second[-1].id


def test_a_batch_that_failed_comes_again_whole(play):
    store = Watched()
    with feed() as server:
        with pytest.raises(KeyError), play(server.url, store).block() as player:
            player.batches(max_events=4)
            first, second = player.next(), player.next()
            raise KeyError
        assert store.position() == first[-1].id
        with play(server.url, store).block() as player:
            assert player.ids(1) == [second[0].id]


def test_a_batch_waits_for_more_where_that_is_wanted(play):
    with feed(40, pause=0.001) as server, play(server.url, Watched()).block() as player:
        player.batches(max_events=40, max_seconds=10)
        assert len(player.next()) > 30  # blocks without data count as well


def test_batches_of_what_is_checked_are_the_same(play):
    options = {"until": lambda event: event.id == "20", "lease": 60}
    with feed() as server, play(server.url, Watched(), **options).block() as player:
        player.batches(max_events=7)
        batches = player.rest()
    assert [e.id for batch in batches for e in batch] == [str(n) for n in range(1, 21)]
    assert max(map(len, batches)) <= 7


def test_a_batch_and_then_single_events(play):
    with feed() as server, play(server.url, Watched()).block() as player:
        player.batches(max_events=5)
        first = player.next()
        assert player.iterate().ids(2) == ["1", "2"]
        assert first[0].id == "1"


def test_batches_cannot_be_committed_one_by_one(play):
    with feed() as server:
        player = play(server.url, Watched(), commits=MANUAL)
        with pytest.raises(ValueError, match="a batch is done as one"):
            player.batches()
        one = play(server.url, Watched())
        for wrong in ({"max_events": 0}, {"max_seconds": -1}):
            with pytest.raises(ValueError, match="max_"):
                one.batches(**wrong)
