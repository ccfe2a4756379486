"""Last event IDs: which are possible, and which can be sent."""

from __future__ import annotations

import pytest

from reconnecting_sse.core.cursor import checked_id, is_sendable


@pytest.mark.parametrize("possible", ["", "7", " é \t", "\x01", "\x7f", "🦊"])
def test_an_id_that_a_stream_can_have_is_taken_as_it_is(possible):
    assert checked_id(possible) == possible


@pytest.mark.parametrize("impossible", ["a\nb", "a\r", "\0", "\r\nEvil: yes"])
def test_an_id_that_no_stream_can_have_is_refused(impossible):
    with pytest.raises(ValueError, match=r"CR, LF or NUL.*as the event gave it"):
        checked_id(impossible)


def test_an_id_that_is_no_unicode_is_refused():
    with pytest.raises(ValueError, match="cannot be encoded as UTF-8") as caught:
        checked_id("\ud800")
    assert isinstance(caught.value.__cause__, UnicodeEncodeError)


def test_every_control_character_but_tab_keeps_an_id_from_being_sent():
    unsendable = [chr(n) for n in range(0x100) if not is_sendable(f"a{chr(n)}b")]
    assert unsendable == [chr(n) for n in range(0x20) if chr(n) != "\t"] + ["\x7f"]
    assert is_sendable("")
    assert not is_sendable(" \t")
    assert is_sendable("\u2028 🦊")
