"""Hours of faults in minutes: whether what a process holds grows.

``python -m tests.chaos.soak async 600`` reads an endless feed with several sources at
once, through the proxy that breaks connections. It tells the memory that it holds after
each tenth of that time, which is a minute, and fails if that grew after the third.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from contextlib import contextmanager

from tests.chaos import memory
from tests.chaos.runs import new_source, served

SOURCES = 12
"""How many read at a time: together they meet some 150 faults a second."""

MINUTES = 10
"""How often memory is looked at."""

WARM = 3
"""After how many of them nothing may grow any more."""

_SEED = 1
_EVENTS = 10**9
_REACH = 1500


def soak(face, seconds):
    """What is held at the end of each tenth of the time, and the faults in it."""
    with served(_SEED, _EVENTS, _REACH) as (url, _):
        sources = [new_source(face, "explicit", url) for _ in range(SOURCES)]
        with _read(face, sources):
            began, faults = time.monotonic(), 0
            for minute in range(1, MINUTES + 1):
                left = began + seconds * minute / MINUTES - time.monotonic()
                threading.Event().wait(max(left, 0))
                before, faults = faults, sum(map(_faults_of, sources))
                yield memory.now(), (faults - before) * MINUTES / seconds


def grown(samples):
    """What of the memory has grown, in words; nothing if nothing has."""
    warm, last = samples[WARM - 1], samples[-1]
    allowed = memory.Memory(resident=2**21, blocks=5_000, used=2**19, free=2**20)
    return [
        f"{name} from {getattr(warm, name):,} to {getattr(last, name):,}"
        for name in memory.Memory.__slots__
        if getattr(last, name) > getattr(warm, name) + getattr(allowed, name)
    ]


def main(face, seconds):
    """Soak, and tell of it; 1 if memory has grown."""
    logging.disable(logging.WARNING)  # of faults there are thousands
    samples = []
    for minute, (sample, rate) in enumerate(soak(face, seconds), start=1):
        samples.append(sample)
        _say(f"{face} {minute:2}: {sample}; {rate:.0f} faults a second")
    growth = grown(samples)
    _say(f"{face}: FAILED, {'; '.join(growth)}" if growth else f"{face}: ok")
    return 1 if growth else 0


@contextmanager
def _read(face, sources):
    """Read all the sources meanwhile."""
    readers = [threading.Thread(target=_all_of, args=(s,)) for s in sources]
    if face == "async":
        readers = [threading.Thread(target=asyncio.run, args=(_all_at_once(sources),))]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        for source in sources:
            source.close()
        for reader in readers:
            reader.join()


def _all_of(source):
    for _ in source.iter_sse():
        pass


async def _all_at_once(sources):
    async def all_of(source):
        async for _ in source.aiter_sse():
            pass

    await asyncio.gather(*map(all_of, sources))


def _faults_of(source):
    return sum(source.stats.reconnects.values())


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
