"""``python -m reconnecting_sse`` is ``reconnecting-sse``."""

from __future__ import annotations

from reconnecting_sse.cli import main

main()
