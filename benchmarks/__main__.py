"""``make bench``: measure everything, print the ratios, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import time

from benchmarks import matrix, odd, report, sections, storm, tables
from benchmarks.cells import EACH, MANY
from benchmarks.processes import Clients
from benchmarks.serving import serving

QUICK_EVENTS = 1_000_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, help="at most so many for each stream")
    parser.add_argument(
        "--events", type=int, default=10_000_000, help="how many until memory is told"
    )
    parser.add_argument(
        "--quick", action="store_true", help="two rounds, fewer events and streams"
    )
    parser.add_argument(
        "--print", action="store_true", help="write no documents", dest="only_print"
    )
    return parser.parse_args()


def _measured(chosen: argparse.Namespace) -> report.Measured:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)

    clients = Clients()
    events = QUICK_EVENTS if chosen.quick else chosen.events
    idle = {"sync": [200], "async": [1000] if chosen.quick else [1000, 5000]}
    try:
        say("the matrix")
        with serving() as served:
            rounds = 2 if chosen.quick else chosen.rounds
            found = matrix.run(clients, served, rounds=rounds)
        say("latency at a steady pace")
        paced = sections.latency(clients, 100, rounds=2 if chosen.quick else 5)
        say("one large event")
        large = sections.large(clients)
        say("memory after many events")
        kept = sections.memory(clients, events)
        say("drops")
        dropped = sections.drops(clients, 30, rounds=1 if chosen.quick else 3)
        say("idle streams")
        held = sections.idle(clients, idle, lasting=3.0)
        touched = clients.run("ours", "idle.touched", threads=200)
    finally:
        clients.close()
    say("odd streams")
    strange = odd.costs(rounds=10 if chosen.quick else odd.ROUNDS)
    say("a million subscribers")
    storms = storm.run()
    say("done")
    minutes = (time.monotonic() - began) / 60
    return report.Measured(
        matrix=found,
        paced=paced,
        large=large,
        kept=kept,
        kept_events=events,
        dropped=dropped,
        idle=held,
        touched=touched,
        odd=strange,
        storms=storms,
        minutes=minutes,
    )


def main() -> None:
    chosen = _arguments()
    measured = _measured(chosen)
    for face in matrix.PEERS:
        for cell in (EACH, MANY):
            print(tables.headline(measured.matrix, face, cell), "\n")
        print(tables.matrix_table(measured.matrix, face), "\n")
    if chosen.only_print:
        print(report.markdown(measured))
    else:
        report.write(measured)


if __name__ == "__main__":
    main()
