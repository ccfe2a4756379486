"""Last event IDs: which are possible, and which can be sent."""

from __future__ import annotations

import math

import pytest

from reconnecting_sse.core.cursor import ByQuery, Carriage, checked_id


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
    can_carry = Carriage().can_carry
    unsendable = [chr(n) for n in range(0x100) if not can_carry(f"a{chr(n)}b")]
    assert unsendable == [chr(n) for n in range(0x20) if chr(n) != "\t"] + ["\x7f"]
    assert can_carry("")
    assert can_carry("\u2028 🦊")


def test_an_id_of_blanks_says_that_it_is_one():
    assert "nothing but blanks" in Carriage().obstacle(" \t ")


LINE = len("Last-Event-ID: ")


@pytest.mark.parametrize("character", ["a", "é", "🦊"])
def test_a_header_line_of_8000_bytes_can_be_sent_and_none_that_is_longer(character):
    size = len(character.encode())
    longest = "x" * ((8000 - LINE) % size) + character * ((8000 - LINE) // size)
    assert Carriage().can_carry(longest)
    assert "8001 bytes" in Carriage().obstacle(longest + "y")
    assert Carriage(math.inf).can_carry(longest + "y")


def test_where_it_travels_in_the_query_its_value_there_has_no_more_than_8000_bytes():
    by_query = Carriage(way=ByQuery("after"))
    assert by_query.can_carry("/" * 2666 + "xx")
    assert "8001 bytes" in by_query.obstacle("/" * 2667)
    assert Carriage().can_carry("/" * 2667)
    assert by_query.can_carry(" " + "x" * 7999)  # a blank is a plus sign
