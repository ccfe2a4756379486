"""Lives of a worker, without one: its ledger, a feed, a store, and an end anywhere."""

from __future__ import annotations

from httpxr.sse import ServerSentEvent

from reconnecting_sse.core.claims import DeadLetter
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.deliveries import WorkLedger
from reconnecting_sse.stores import MemoryStore

POLICY = CommitPolicy()
NAME = "feed"


class Feed:
    """Events, some without an ID; whoever resumes gets those after his position."""

    def __init__(self, have_ids):
        self.events, position = [], ""
        self.places = []  # after each event
        for number, has_id in enumerate(have_ids):
            position = str(number) if has_id else position
            self.events.append(ServerSentEvent(id=position, data=f"event {number}"))
            self.places.append(position)

    def is_placed(self, number):
        """Whether it moves the position."""
        return self.events[number].id == str(number)

    def after(self, position):
        """The numbers of the events that follow one."""
        begin = int(position) + 1 if position else 0
        return list(range(begin, len(self.events)))

    def passed(self, position):
        """The numbers of those that need not come again: what shares it may."""
        return range(int(position) + 1 if position else 0)


class Ended(Exception):
    """The process was killed."""


class Life:
    """One: it hands over, handles and commits in any order, and may end anywhere."""

    def __init__(self, feed, store, effects, rng, *, ends, transactional):
        self.feed, self.store, self.effects, self.rng = feed, store, effects, rng
        self.ends, self.transactional = ends, transactional
        self.claim = store.claim(NAME, None, "me")
        self.position = self.claim.position or ""
        self.ledger = WorkLedger(POLICY, self.position)
        self.coming = feed.after(self.position)
        self.numbers = {}  # by delivery
        self.waiting, self.doing = [], []  # handed over; with a mark, or None for one
        self.is_recalled = False

    def perhaps_end(self):
        if self.ends and self.rng.random() < 0.05:
            raise Ended

    def run(self):
        moves = [self.hand, self.hand, self.begin, self.begin, self.finish, self.finish]
        moves += [self.commit, self.reconnect]
        while self.coming or self.waiting or self.doing or self.ledger.has_news:
            self.perhaps_end()
            self.rng.choice(moves)()
            self.check()
        self.store.release(self.claim)

    def check(self):
        """Nothing is passed that is not done."""
        (place,) = self.store.places()
        done = {number for number, _ in self.effects}
        assert set(self.feed.passed(place.position or "")) <= done
        watermark = self.ledger.watermark().position
        assert set(self.feed.passed(watermark)) <= done

    # ------------------------------------------------------------------ the reader

    def hand(self):
        if not self.coming or len(self.waiting) + len(self.doing) > 8:
            return
        number = self.coming.pop(0)
        self.position = self.feed.places[number]
        self.ledger.hand(self.feed.events[number], self.position)
        delivery = self.ledger.last
        if not self.is_recalled:
            self.is_recalled = True
            self.ledger.remember(self.store.recall(self.claim))
        self.numbers[delivery] = number
        if not delivery.is_done:
            self.waiting.append(delivery)

    def reconnect(self):
        """What follows the position comes again."""
        if self.rng.random() < 0.2:
            self.coming = self.feed.after(self.position)
            self.ledger.resumed()

    # ------------------------------------------------------------------ handlers

    def begin(self):
        if not self.waiting:
            return
        delivery = self.waiting.pop(self.rng.randrange(len(self.waiting)))
        is_buried = self.rng.random() < 0.1
        if not (self.transactional or is_buried):
            self.doing.append((delivery, None))
            return
        letters = (self.letter(delivery),) if is_buried else ()
        mark = self.ledger.closing([delivery], buried=letters)
        self.doing.append((delivery, mark))

    def letter(self, delivery):
        event = delivery.event
        about = {"event": event.event, "data": event.data, "id": event.id}
        return DeadLetter(
            name=NAME,
            key=delivery.key,
            position=delivery.position,
            reason="",
            attempts=1,
            **about,
        )

    def finish(self):
        if not self.doing:
            return
        delivery, mark = self.doing.pop(self.rng.randrange(len(self.doing)))
        if mark is None:
            self.effects.append((self.numbers[delivery], delivery.key))
            self.ledger.finished([delivery])
        else:
            self.close(delivery, mark)

    def close(self, delivery, mark):
        """Effects and mark in one; or neither, and then it is done again."""
        if self.rng.random() < 0.8:
            self.apply(delivery, mark)
            self.perhaps_end()
        elif not mark.beside.buried:  # a plain record is tried until it is made
            self.doing.append((delivery, self.ledger.closing([delivery])))
            return
        else:
            self.doing.append((delivery, mark))
            return
        self.ledger.closed([delivery], mark)
        self.ledger.did_commit(mark, 0.0)

    def apply(self, delivery, mark):
        if mark.position is not None:  # a transaction of an old number is refused
            assert mark.seq > self.store._rows[NAME].seq
        assert self.store.commit([(self.claim, mark)]) == []
        self.effects.append((self.numbers[delivery], delivery.key))

    # ------------------------------------------------------------------ the keeper

    def commit(self):
        mark = self.ledger.mark()
        if mark is None:
            return
        if self.rng.random() < 0.8:
            self.store.commit([(self.claim, mark)])
            self.perhaps_end()
            self.ledger.did_commit(mark, 0.0)


def lives(feed, rng, *, transactional, ends=20):
    """What was done by all lives, until one came to the end."""
    store, effects = MemoryStore(), []
    while True:
        options = {"ends": ends > 0, "transactional": transactional}
        life = Life(feed, store, effects, rng, **options)
        try:
            life.run()
        except Ended:
            ends -= 1
        else:
            return store, [number for number, _ in effects]
