"""The words that several commands have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconnecting_sse.cli import arguments as argument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WAY = (
    click.option(
        "--connect-to",
        metavar="HOST1:PORT1:HOST2:PORT2",
        multiple=True,
        callback=argument.checked(argument.connect_to),
        help="Connect to HOST2:PORT2 instead of HOST1:PORT1; may be repeated.",
    ),
    click.option(
        "--cacert",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Trust the certificate authorities in this file instead of the system's.",
    ),
    click.option("-k", "--insecure", is_flag=True, help="Trust any certificate."),
    click.option("-v", "--verbose", is_flag=True, help="Log everything to stderr."),
)
"""The options of whatever connects to a server."""

FEED = (
    click.option(
        "-H",
        "--header",
        "headers",
        metavar="'NAME: VALUE'",
        multiple=True,
        callback=argument.checked(argument.header),
        help="A header to send; may be repeated.",
    ),
    click.option(
        "-X",
        "--request",
        "method",
        metavar="METHOD",
        callback=argument.checked(argument.method),
        help="The request's method.",
    ),
    click.option(
        "-d",
        "--data",
        metavar="TEXT",
        multiple=True,  # to refuse it
        callback=argument.body,
        help="A body to send, as it is; makes the method POST.",
    ),
    click.option(
        "--store",
        metavar="URL",
        callback=argument.store,
        help="Keep the position there, as in sqlite:///cursors.db, and go on from it.",
    ),
    click.option(
        "--name",
        metavar="NAME",
        callback=argument.checked(str),
        help="The name that it is kept under.",
    ),
    click.option(
        "--lease",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        callback=argument.seconds,
        help="Hold the name for so long, renewed; others under it stand by.",
    ),
    click.option(
        "--idle-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=300.0,
        show_default=True,
        callback=argument.seconds,
        help="Silence after which the connection counts as lost; 0: never.",
    ),
    click.option(
        "--connect-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=10.0,
        show_default=True,
        callback=argument.seconds,
        help="How long it may take until a connection stands; 0: for ever.",
    ),
    click.option(
        "--header-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=30.0,
        show_default=True,
        callback=argument.seconds,
        help="How long the answer's headers may take from then; 0: for ever.",
    ),
    click.option(
        "--retry-max",
        type=click.IntRange(min=0),
        metavar="N",
        help="Give up after so many retries in a row. Default: never, once a stream was"
        " open; before that after 9.",
    ),
    click.option(
        "--retry-max-time",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        callback=argument.seconds,
        help="Give up when attempts have failed for so long; 0: never.",
    ),
    click.option(
        "--like-a-browser",
        is_flag=True,
        help="Retry as an EventSource does: what the server says, and no more.",
    ),
    click.option(
        "--any-content-type",
        is_flag=True,
        help="Read as events whatever the answer says that it is.",
    ),
    click.option(
        "--max-event-bytes",
        metavar="SIZE",
        default="16M",
        show_default=True,
        callback=argument.checked(argument.size),
        help="The largest event, as in 500k or 1G; 0: no limit.",
    ),
    *WAY,
)
"""The options of whatever follows a feed."""


RUN = (
    click.option(
        "--probes",
        metavar="ADDRESS",
        help="Serve /live, /ready and /metrics there, as in 127.0.0.1:8080.",
    ),
    click.option(
        "--log",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        show_default=True,
        help="How to log; auto: JSON where stderr is no terminal.",
    ),
)
"""The options of a process that runs for ever."""

WORK = (
    click.option(
        "--transactional",
        is_flag=True,
        help="Call it with a connection, too: what it writes there and the position are"
        " committed together.",
    ),
    click.option(
        "--batch",
        type=click.IntRange(min=1),
        metavar="N",
        help="Call it with lists of up to N events.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        metavar="N",
        default=1,
        show_default=True,
        help="How many calls at once.",
    ),
    click.option(
        "--key",
        metavar="MODULE:FUNCTION",
        help="Gives an event's key: events with equal keys stay in order.",
    ),
    click.option(
        "--window",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many events are in hand at most; default: 16 for each call.",
    ),
    click.option(
        "--dead-letters/--no-dead-letters",
        default=True,
        help="Put aside what cannot be handled, or stop before it.",
    ),
    click.option(
        "--max-deliveries",
        type=click.IntRange(min=1),
        metavar="N",
        default=5,
        show_default=True,
        help="How often an event is begun that ends the process each time.",
    ),
    click.option(
        "--deduplicate",
        type=click.IntRange(min=0),
        metavar="N",
        default=0,
        help="Pass over events with one of the last N IDs.",
    ),
    click.option(
        "--on-gap",
        metavar="MODULE:FUNCTION",
        help="Gives the events that were missed, where some may have been.",
    ),
    click.option(
        "--drain-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=20.0,
        show_default=True,
        callback=argument.seconds,
        help="How long calls may take to end, once it is to stop.",
    ),
    click.option(
        "--stalled-after",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        default=300.0,
        show_default=True,
        callback=argument.seconds,
        help="How long one may take before the worker counts as stuck.",
    ),
    *RUN,
)
"""The options of a worker."""

FLEET = (
    click.option(
        "--store",
        metavar="URL",
        required=True,
        callback=argument.store,
        help="Where positions, leases and members are kept.",
    ),
    click.option(
        "--max-feeds",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many feeds this process serves at most; default: the file's.",
    ),
    click.option(
        "--lease",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        callback=argument.seconds,
        help="How long a feed stays a dead process's; default: the file's, or 10.",
    ),
)
"""The options of a fleet."""


HEADINGS = {
    "Request": "headers method data last_event_id",
    "Connection": "connect_to cacert insecure connect_timeout header_timeout"
    " idle_timeout",
    "Retries": "retry_max retry_max_time like_a_browser",
    "Reading": "any_content_type max_event_bytes",
    "Position": "store name lease",
    "Work": "transactional batch concurrency key window dead_letters max_deliveries"
    " deduplicate on_gap max_feeds drain_timeout stalled_after",
    "Output": "as_json text max_events exit_when_idle probes log verbose",
    "Options": "",
}
"""Under which heading an option is listed; those of no other, under the last."""


def heading_of(name: str | None) -> str:
    """The heading of an option."""
    found = (each for each, names in HEADINGS.items() if name in names.split())
    return next(found, "Options")


def with_options(options: Iterable[Any]) -> Callable[[Any], Any]:
    """A decorator that gives a command all of them."""

    def decorate(command: Any) -> Any:
        for option in reversed(tuple(options)):
            command = option(command)
        return command

    return decorate
