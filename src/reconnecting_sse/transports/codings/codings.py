"""Which content codings are offered, and what undoes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from reconnecting_sse.transports.codings.brotli import BrotliDecoder, brotli_library
from reconnecting_sse.transports.codings.inflating import Inflater
from reconnecting_sse.transports.codings.zstd import ZstdDecoder, zstd_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.transports.codings.decoding import Decoder


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


def decoder_for(values: list[str]) -> Decoder | None:
    """The decoder for a response's Content-Encoding fields, if they name just one."""
    coding = ", ".join(values).strip().lower()
    maker = _decoders().get("gzip" if coding == "x-gzip" else coding)
    return None if maker is None else maker()


def without_coding(fields: Fields) -> Fields:
    """The fields of a decoded response, without what was true of the coded one."""
    untrue = (b"content-encoding", b"content-length")
    return [field for field in fields if field[0].lower() not in untrue]
