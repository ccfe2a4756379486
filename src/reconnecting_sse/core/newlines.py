"""The bytes of a stream with the standard's three line ends made one (9.2.5)."""

from __future__ import annotations

import codecs


class Newlines:
    """Takes chunks, cut anywhere; gives them without BOM, each line ended by LF."""

    def __init__(self) -> None:
        # A BOM cut short at the very start; None once the stream has begun.
        self._start: bytes | None = b""
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> bytes:
        """What the next bytes add."""
        if self._start is not None:
            chunk = self._without_bom(self._start + chunk)
        if self._is_after_cr and chunk:
            # 9.2.5: the CR has ended its line already; an LF is the rest of CR LF.
            chunk = chunk.removeprefix(b"\n")
            self._is_after_cr = False
        if b"\r" in chunk:
            self._is_after_cr = chunk.endswith(b"\r")
            if b"\n" in chunk:
                without = chunk.replace(b"\r", b"")
                # Counting the pairs and removing CRs is faster than replacing pairs.
                if chunk.count(b"\r\n") == len(chunk) - len(without):
                    return without
                chunk = chunk.replace(b"\r\n", b"\n")
            chunk = chunk.replace(b"\r", b"\n")
        return chunk

    def _without_bom(self, start: bytes) -> bytes:
        if start != codecs.BOM_UTF8 and codecs.BOM_UTF8.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(codecs.BOM_UTF8)
