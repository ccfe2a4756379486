"""What the transports are told: the timeouts a request carries, in each form."""

from __future__ import annotations

import httpxr
import pytest

from reconnecting_sse import transports
from reconnecting_sse.transports.timeouts import Timeouts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2.0, (2.0, 2.0, 2.0)),
        ((1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 2.0)),
        ((1.0,), (1.0, None, None)),
        (httpxr.Timeout(3.0, connect=1.0), (1.0, 3.0, 3.0)),
        ({"connect": 1.0, "read": 2.0}, (1.0, 2.0, 2.0)),
        ({"headers": 3.0, "read": None}, (None, 3.0, None)),
    ],
)
def test_a_timeout_means_what_httpx_means_by_it(given, expected):
    request = httpxr.Request("GET", "http://host/", extensions={"timeout": given})
    timeouts = Timeouts.of(request)
    assert (timeouts.connect, timeouts.headers, timeouts.read) == expected


def test_without_a_timeout_the_defaults_hold():
    timeouts = Timeouts.of(httpxr.Request("GET", "http://host/"))
    assert timeouts == Timeouts(connect=10.0, headers=30.0, read=None)


def test_a_timeout_is_told_to_other_transports_in_their_words():
    told = Timeouts(connect=1.0, headers=2.0, read=3.0).as_extension()
    assert told == {
        "connect": 1.0,
        "read": 3.0,
        "write": 2.0,
        "pool": 1.0,
        "headers": 2.0,
    }


def test_the_wires_are_known_by_their_transports_names_alone():
    for name in transports.__all__:
        assert getattr(transports, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_else"):
        _ = transports.nothing_else
