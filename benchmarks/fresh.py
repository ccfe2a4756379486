"""A process of its own: what the import takes, and the memory of one that reads.

    python -m benchmarks.fresh FACE URL EVENTS

Nothing is imported before the clock runs that the package may import itself.
"""

from __future__ import annotations

import time

BEGAN, CPU = time.perf_counter(), time.process_time()

from reconnecting_sse import (  # noqa: E402, F401  (timed, and not used)
    AsyncStreamingTransport,
    StreamingTransport,
)

IMPORT = {"wall": time.perf_counter() - BEGAN, "cpu": time.process_time() - CPU}

import json  # noqa: E402
import sys  # noqa: E402

from benchmarks.clients import ours  # noqa: E402
from benchmarks.reading import memory, most_memory  # noqa: E402


def main() -> None:
    face, url, events = sys.argv[1:]
    imported = most_memory()
    read = memory(ours, url, None, face, int(events))
    print(json.dumps({**IMPORT, "imported": imported, "read": read["total"]}))


if __name__ == "__main__":
    main()
