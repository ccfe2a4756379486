"""Which content codings are offered, and what undoes them."""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING

from reconnecting_sse.transports.codings.brotli import BrotliDecoder, brotli_library
from reconnecting_sse.transports.codings.chained import Chained
from reconnecting_sse.transports.codings.inflating import Inflater
from reconnecting_sse.transports.codings.zstd import ZstdDecoder, zstd_library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.transports.codings.decoding import Decoder

_MOST = 5  # each has buffers of its own, and multiplies what a few bytes come to


@cache
def _decoders() -> dict[str, Callable[[], Decoder]]:
    # Looked for once: an import that fails is slow each time.
    found: dict[str, Callable[[], Decoder]] = {
        "gzip": lambda: Inflater("gzip"),
        "deflate": lambda: Inflater("deflate"),
    }
    brotli = brotli_library()
    if brotli is not None:
        found["br"] = lambda: BrotliDecoder(brotli)
    zstd = zstd_library()
    if zstd is not None:
        found["zstd"] = lambda: ZstdDecoder(zstd)
    return found


def offered_codings() -> tuple[str, ...]:
    """What a request offers: exactly what is decoded live."""
    return tuple(_decoders())


def decoder_for(codings: Sequence[str]) -> Decoder | None:
    """What undoes the codings, the last one first; None where one of them stays."""
    # RFC 9110, section 8.4.1: x-gzip is gzip, and x-compress is compress.
    makers = [_decoders().get(coding.removeprefix("x-")) for coding in codings]
    known = [maker for maker in makers if maker is not None]
    if known != makers or not 0 < len(known) <= _MOST:
        return None
    return reduce(Chained, [maker() for maker in reversed(known)])


def without_coding(fields: Fields) -> Fields:
    """The fields of a decoded response, without what was true of the coded one."""
    untrue = (b"content-encoding", b"content-length")
    return [field for field in fields if field[0].lower() not in untrue]
