"""A worker's ledger: no commit is ahead of what is done, whatever ends in between."""

from __future__ import annotations

from random import Random

import pytest
from httpxr.sse import ServerSentEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from reconnecting_sse.core.claims import Beside, DeadLetter, Mark, Recalled
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.deliveries import Delivery, WorkLedger
from reconnecting_sse.core.recent import identified
from tests.core.simulated import Feed, lives

POLICY = CommitPolicy()


def event(number, data=None):
    return ServerSentEvent(id=str(number), data=data or f"data {number}")


def own(number):
    return identified(event(number))


def ledger_of(*numbers, position="", policy=POLICY, **options):
    """A ledger, and the deliveries of these, by their numbers as IDs."""
    ledger = WorkLedger(policy, position, **options)
    return ledger, hand(ledger, *map(event, numbers))


def hand(ledger, *events):
    deliveries = []
    for each in events:
        ledger.hand(each, each.id)
        deliveries.append(ledger.last)
    return deliveries


def close(ledger, *deliveries, buried=()):
    mark = ledger.closing(deliveries, buried=buried)
    ledger.closed(deliveries, mark)
    ledger.did_commit(mark, 0.0)
    return mark


def letter_of(delivery):
    event = delivery.event
    return DeadLetter(
        name="feed",
        key=delivery.key,
        position=delivery.position,
        event=event.event,
        data=event.data,
        id=event.id,
        reason="",
        attempts=1,
    )


# ---------------------------------------------------------------- keys


def keys(deliveries):
    return [delivery.key for delivery in deliveries]


def test_a_key_is_the_position_and_the_number_since_it_moved():
    ledger, (five,) = ledger_of(5)
    first, second = hand(ledger, event(5, "a"), event(5, "b"))
    (six,) = hand(ledger, event(6))
    assert five.key == "0:5"
    assert first.key.partition(".")[0] == "1"
    assert second.key.partition(".")[0] == "2"
    assert first.key.endswith(":5")
    assert six.key == "0:6"
    assert [d.is_placed for d in (five, first, second, six)] == [True, False, False, 1]


def test_a_key_is_the_same_in_another_life_and_on_another_connection():
    ledger, (_, one, two) = ledger_of(5, 5, 5)
    ledger.resumed()
    again = hand(ledger, event(5), event(5))
    _, next_life = ledger_of(5, 5, position="5")
    assert keys([one, two]) == keys(again) == keys(next_life)


def test_another_event_in_the_same_place_has_another_key():
    """A feed's notices without an ID come in one life and not in the next."""
    ledger, _ = ledger_of()
    (one,) = hand(ledger, event("", "one"))
    ledger, _ = ledger_of()
    (other,) = hand(ledger, event("", "other"))
    assert one.key != other.key


def test_what_can_be_no_utf8_has_a_key_all_the_same():
    assert Delivery(ServerSentEvent(data="\ud800"), "5", 1).key.startswith("1.")


def test_a_server_that_begins_with_the_last_event_again_shifts_no_key():
    ledger, _ = ledger_of(position="5")
    again, behind = hand(ledger, own(5), event(5, "behind"))
    assert again.key == "0:5"
    assert behind.key.startswith("1.")


def test_a_key_of_its_own_stays():
    assert Delivery(event(1), "5", key="gap:1").key == "gap:1"


def test_a_move_without_an_event_begins_to_count_anew():
    ledger, _ = ledger_of(5)
    ledger.moved("7")
    (one,) = hand(ledger, event(7))
    assert one.key.startswith("1.")


# ---------------------------------------------------------------- the watermark


def test_the_watermark_is_before_the_first_that_is_not_done():
    ledger, (one, two, three) = ledger_of(1, 2, 3, position="0")
    assert ledger.mark() is None
    ledger.finished([two, three])
    assert ledger.mark() is None
    assert ledger.watermark().position == "0"
    assert [e.id for e in ledger.in_hand] == ["1"]
    ledger.finished([one])
    assert ledger.mark().position == "3"
    assert ledger.in_hand == []
    assert ledger.handed == 3


def test_a_move_without_an_event_waits_for_those_before_it():
    ledger, (one,) = ledger_of(1)
    ledger.moved("1")
    ledger.moved("7")
    ledger.moved("7")
    assert ledger.handed == 2
    assert ledger.mark() is None
    ledger.finished([one])
    assert ledger.mark().position == "7"


def test_nothing_behind_a_barrier_is_committed_before_it_is_lifted():
    ledger, (one,) = ledger_of(1)
    barrier = ledger.barrier()
    (two,) = hand(ledger, event(2))
    ledger.finished([one, two])
    assert ledger.mark().position == "1"
    ledger.lift(barrier)
    assert ledger.mark().position == "2"


def test_marks_are_committed_once_and_their_numbers_grow():
    ledger, (one, two) = ledger_of(1, 2)
    ledger.finished([one])
    first = ledger.mark()
    assert ledger.mark() == first
    ledger.finished([two])  # while the first is on its way
    ledger.did_commit(first, 5.0)
    second = ledger.mark()
    assert second.seq > first.seq
    assert ledger.must_pause(5.0 + 2 * POLICY.max_delay)
    ledger.did_commit(second, 6.0)
    assert ledger.mark() is None
    assert not ledger.must_pause(1e9)


def test_what_waits_for_the_store_is_noticed():
    ledger, (one,) = ledger_of(1)
    ledger.waits(1.0)
    assert not ledger.must_pause(1e9)
    ledger.finished([one])
    ledger.waits(1.0)
    ledger.waits(50.0)
    assert ledger.must_pause(1.1 + POLICY.max_delay)


# ---------------------------------------------------------------- room


def test_there_is_room_for_as_many_as_may_be_uncommitted():
    ledger, (one, *_) = ledger_of(1, 2, 3, policy=CommitPolicy(max_uncommitted=3))
    assert ledger.room() == 0
    assert not ledger.is_stuck  # somebody is at it
    ledger.finished([one])
    assert ledger.room() == 0
    ledger.did_commit(ledger.mark(), 0.0)
    assert ledger.room() == 1
    assert ledger.uncommitted == 2


def test_every_so_many_that_are_done_the_store_comes_first():
    ledger, (one, two) = ledger_of(1, 2, policy=CommitPolicy(every=2))
    assert ledger.room() == 2
    ledger.finished([one])
    assert ledger.room() == 1
    ledger.finished([two])
    assert ledger.room() == 0
    ledger.did_commit(ledger.mark(), 0.0)
    assert ledger.room() == 2


def test_what_is_put_back_is_what_was_not_handed_over():
    ledger, _ = ledger_of()
    pending = ledger.hand_out([event(1), event(2)])
    next(pending)
    assert [e.id for e in ledger.put_back()] == ["2"]
    assert ledger.put_back() == []


# ---------------------------------------------------------------- closing


def test_the_next_in_order_closes_with_the_position_after_it():
    ledger, (one, two, three) = ledger_of(1, 2, 3)
    ledger.finished([two])
    mark = close(ledger, one)
    assert (mark.position, mark.beside) == ("2", Beside())
    assert ledger.mark() is None
    assert close(ledger, three).position == "3"


def test_another_closes_as_ahead_and_is_so_until_it_is_passed():
    ledger, (one, two, three) = ledger_of(1, 2, 3)
    ahead = close(ledger, two)
    assert ahead == Mark(0, None, Beside(ahead=("0:2",)))
    ledger.finished([one])
    mark = ledger.mark()
    assert mark.position == "2"
    assert mark.beside.passed == ("0:2",)
    ledger.did_commit(mark, 0.0)
    assert close(ledger, three).beside.passed == ()


def test_what_is_ahead_is_passed_by_what_closes_before_it():
    ledger, (one, two, _) = ledger_of(1, 2, 3)
    close(ledger, two)
    mark = close(ledger, one)
    assert mark.position == "2"
    assert mark.beside.passed == ("0:2",)
    assert ledger.mark() is None


def test_what_comes_ahead_while_a_mark_is_on_its_way_is_passed_by_the_next():
    ledger, (one, two, three) = ledger_of(1, 2, 3)
    mark = ledger.closing([one])
    close(ledger, two)
    ledger.closed([one], mark)
    ledger.did_commit(mark, 0.0)
    assert mark.position == "1"
    assert ledger.mark().beside.passed == ("0:2",)
    assert close(ledger, three).beside.passed == ("0:2",)


def test_a_batch_closes_as_one():
    ledger, (one, two, three, four) = ledger_of(1, 2, 3, 4)
    assert close(ledger, two, four).beside.ahead == ("0:2", "0:4")
    mark = close(ledger, one)
    assert (mark.position, mark.beside.passed) == ("2", ("0:2",))
    mark = close(ledger, three)
    assert (mark.position, mark.beside.passed) == ("4", ("0:4",))


def test_more_than_there_are_are_not_the_next():
    ledger, (one,) = ledger_of(1)
    other = Delivery(event(2), "2")
    assert ledger.closing([one, other]).position is None


def test_what_has_no_place_is_never_ahead():
    """In the next life another may have it; so it comes again."""
    ledger, (_, one) = ledger_of(1, 1)
    assert close(ledger, one) == Mark(0, None, Beside())
    assert one.is_done
    assert not one.is_ahead


def test_an_aborted_closing_keeps_no_number_that_another_needs():
    ledger, (one, two) = ledger_of(1, 2)
    given_up = ledger.closing([one])
    mark = close(ledger, one)
    assert mark.seq > given_up.seq
    assert close(ledger, two).seq > mark.seq


def test_a_plain_mark_never_has_a_number_above_that_of_a_closing_on_its_way():
    ledger, (one, two) = ledger_of(1, 2)
    ledger.finished([one])
    mark = ledger.closing([two])
    assert ledger.mark().seq < mark.seq


def test_dead_letters_are_buried_with_the_position_or_ahead_of_it():
    ledger, (one, two) = ledger_of(1, 2)
    letter = letter_of(two)
    ahead = close(ledger, two, buried=(letter,))
    assert ahead == Mark(0, None, Beside(ahead=("0:2",), buried=(letter,)))
    letter = letter_of(one)
    mark = close(ledger, one, buried=(letter,))
    assert (mark.position, mark.beside.buried) == ("2", (letter,))


def test_a_dead_letter_that_is_handled_is_settled_and_moves_nothing():
    ledger, (one,) = ledger_of(1)
    again = Delivery(event(7), "7", key="0:7")
    again.letter = letter_of(again)
    assert close(ledger, again) == Mark(0, None, Beside(settled=("0:7",)))
    mark = close(ledger, again, one)
    assert (mark.position, mark.beside) == ("1", Beside(settled=("0:7",)))
    buried = close(ledger, again, buried=(again.letter,))
    assert buried == Mark(0, None, Beside(buried=(again.letter,)))


# ---------------------------------------------------------------- taking in hand


def test_the_next_is_taken_in_hand_and_what_is_done_is_committed_with_that():
    ledger, (one,) = ledger_of(1)
    assert ledger.taking("0:1", 1, is_start=True) == Mark(
        0, None, Beside(is_start=True, hand="0:1", begun=1)
    )
    ledger.finished([one])
    mark = ledger.taking("0:2", 3, is_start=False)
    assert mark.position == "1"
    assert mark.beside == Beside(hand="0:2", begun=3)
    assert mark.seq > ledger.mark().seq
    ledger.did_commit(mark, 0.0)
    assert ledger.mark() is None


# ---------------------------------------------------------------- the last life


def test_what_the_last_life_did_ahead_is_done_on_sight():
    ledger, (one, two) = ledger_of(1, 2)
    ledger.remember(Recalled(frozenset({"0:2", "0:3"})))
    (three,) = hand(ledger, event(3))
    assert [d.is_done for d in (one, two, three)] == [False, True, True]
    assert ledger.is_done_ahead("0:3")
    assert not ledger.is_done_ahead("0:1")
    mark = close(ledger, one)
    assert mark.position == "3"
    assert set(mark.beside.passed) == {"0:2", "0:3"}


def test_what_was_handled_at_a_barrier_is_passed_with_it():
    ledger, _ = ledger_of(1, position="0")
    barrier = ledger.barrier()
    barrier.keys += ["0:8", "0:9"]
    ledger.lift(barrier)
    ledger.finished(list(ledger._entries))
    assert ledger.mark().beside.passed == ("0:8", "0:9")


def test_recent_ids_go_with_each_position():
    ledger, _ = ledger_of(deduplicate=2)
    ledger.remember(Recalled(recent=("0",)))
    one, two, three, _ = hand(ledger, own(1), own(2), event(3), own(4))
    assert close(ledger, two).beside.recent is None
    assert close(ledger, one).beside.recent == ("1", "2")
    ledger.finished([three])
    assert ledger.mark().beside.recent == ("1", "2")


# ---------------------------------------------------------------- whatever happens

MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            ["hand", "hand", "done", "move", "close", "commit", "barrier", "lift"]
        ),
        st.integers(0, 9),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(MOVES)
def test_the_watermark_never_passes_an_undone_event(moves):
    ledger, model, number = WorkLedger(POLICY), [], 0
    for move, choice in moves:
        undone = [entry for entry in model if not entry[2]]
        events = [entry for entry in undone if entry[0].event is not None]
        barriers = [entry for entry in undone if entry[0].event is None]
        if move == "hand":
            number += choice % 2
            (made,) = hand(ledger, event(number))
            model.append([made, str(number), False])
        elif move == "move":
            number += 1
            ledger.moved(str(number))
            model.append([None, str(number), True])
        elif move == "barrier":
            model.append([ledger.barrier(), ledger._last_position, False])
        elif move == "lift" and barriers:
            entry = barriers[choice % len(barriers)]
            ledger.lift(entry[0])
            entry[2] = True
        elif move in ("done", "close") and events:
            entry = events[choice % len(events)]
            if move == "close":
                close(ledger, entry[0])
            else:
                ledger.finished([entry[0]])
            entry[2] = True
        elif move == "commit" and (mark := ledger.mark()):
            ledger.did_commit(mark, 0.0)
        check(ledger, model)


def check(ledger, model):
    water = 0
    while water < len(model) and model[water][2]:
        water += 1
    assert ledger.watermark().position == (model[water - 1][1] if water else "")
    assert ledger.handed == len(model)
    left = [e[0].event for e in model if e[0] and e[0].event and not e[2]]
    assert list(map(id, ledger.in_hand)) == list(map(id, left))
    assert (ledger.mark() is None) == (ledger.uncommitted == len(model) - water)


@settings(deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.integers(),
    st.booleans(),
)
def test_no_event_is_lost_wherever_lives_end(have_ids, seed, transactional):
    feed = Feed(have_ids)
    _, effects = lives(feed, Random(seed), transactional=transactional)
    assert set(effects) == set(range(len(have_ids)))


@settings(deadline=None)
@given(st.integers(1, 12), st.integers())
def test_with_closings_none_is_done_twice(count, seed):
    feed = Feed([True] * count)
    store, effects = lives(feed, Random(seed), transactional=True)
    assert sorted(effects) == list(range(count))
    assert store.recall(store.claim("feed", None, "me")).ahead == frozenset()


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers())
def test_with_closings_only_those_without_a_place_come_again(have_ids, seed):
    feed = Feed(have_ids)
    _, effects = lives(feed, Random(seed), transactional=True)
    placed = [number for number in effects if feed.is_placed(number)]
    assert len(placed) == len(set(placed)) == sum(have_ids)


@pytest.mark.parametrize("seed", range(20))
def test_long_feeds_come_to_their_end(seed):
    rng = Random(seed)
    feed = Feed([rng.random() < 0.9 for _ in range(150)])
    _, effects = lives(feed, rng, transactional=True, ends=40)
    assert set(effects) == set(range(150))
