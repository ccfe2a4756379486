"""gzip and deflate, with the standard library."""

from __future__ import annotations

import zlib

from reconnecting_sse.transports.codings.decoding import (
    OUTPUT_LIMIT,
    Decoder,
    DecodingError,
)

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 16 + zlib.MAX_WBITS
_DEFLATE_METHOD = 8


class Inflater(Decoder):
    """Decodes gzip, of one member or many, and deflate, with zlib's header or without.

    One step gives at most ``OUTPUT_LIMIT`` bytes.
    """

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding != "deflate"
        self._stream = zlib.decompressobj(_GZIP_BITS) if self._is_gzip else None
        self._tail = b""
        self._is_empty = True
        self._is_finished = False

    @property
    def is_whole(self) -> bool:
        return self._is_empty or (self._stream is not None and self._stream.eof)

    def decode(self, data: bytes) -> bytes:
        data, self._tail = self._tail + data, b""
        self.pending: bool = False
        if not data and self._is_empty:
            return b""
        self._is_empty = False
        stream = self._stream_for(data)
        if stream is None:
            return b""
        try:
            output = stream.decompress(data, OUTPUT_LIMIT)
        except zlib.error as error:
            raise DecodingError(str(error)) from error
        self._tail = stream.unused_data or stream.unconsumed_tail
        # zlib may hold output back even when it has taken all its input.
        self.pending = len(output) == OUTPUT_LIMIT or bool(stream.unused_data)
        return output

    def _stream_for(self, data: bytes) -> zlib._Decompress | None:
        if self._stream is None:
            self._stream = _deflate_stream(data)
            self._tail = b"" if self._stream else data
        elif self._stream.eof and data and not self._is_finished:
            # Zeros and the like may follow the last member: not part of the content.
            if self._is_gzip and _GZIP_MAGIC.startswith(data[:2]):
                self._stream = zlib.decompressobj(_GZIP_BITS)
            else:
                self._is_finished = True
        return None if self._is_finished else self._stream


def _deflate_stream(head: bytes) -> zlib._Decompress | None:
    """RFC 1950: a zlib header names method 8, and is a multiple of 31."""
    if len(head) == 1:
        return None
    is_zlib = head[0] & 0x0F == _DEFLATE_METHOD and int.from_bytes(head[:2]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
