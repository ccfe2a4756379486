"""Calls of a harness' store, as scenarios make them."""

from __future__ import annotations

from reconnecting_sse.core.claims import Beside, Claim, DeadLetter, Mark


def claimed(harness, name="prices", lease=None, owner="me", store=None):
    found = harness.call((store or harness.store).claim, name, lease, owner)
    assert isinstance(found, Claim)
    return found


def committed(harness, claim, seq, position, **beside):
    mark = Mark(seq, position, Beside(**beside) if beside else None)
    return harness.call(harness.store.commit, [(claim, mark)])


def begun(harness, claim):
    return harness.call(harness.store.begin, claim)


def ended(harness, transaction, seq, position, **beside):
    mark = Mark(seq, position, Beside(**beside) if beside else None)
    harness.call(harness.store.end, transaction, mark)


def recalled(harness, claim):
    return harness.call(harness.store.recall, claim)


def ahead(harness, claim):
    return set(recalled(harness, claim).ahead)


def place(harness, name="prices"):
    (found,) = [p for p in harness.call(harness.store.places) if p.name == name]
    return found


def position(harness):
    return place(harness).position


def letter(key="1.0", **changed):
    given = {
        "name": "prices",
        "key": key,
        "position": "1",
        "event": "message",
        "data": "{}",
        "id": "1",
        "reason": "ValueError: no",
        "attempts": 5,
    }
    return DeadLetter(**given | changed)


def keys(harness, name=None):
    return [each.key for each in harness.call(harness.store.letters, name)]
