"""The command line, ``reconnecting-sse``.

Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 another process took the name over,
130 interrupted, 143 terminated.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

import click

from reconnecting_sse.cli import arguments as argument
from reconnecting_sse.cli.output import writing
from reconnecting_sse.cli.signals import INTERRUPTED


def main() -> NoReturn:
    """Run the program with the process's arguments, and end the process."""
    # A shell script that starts us in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = commands.main(prog_name="reconnecting-sse", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:  # Ctrl-C before a command took over
        status = INTERRUPTED
    sys.exit(status)


class _Command(click.Command):
    """A command whose help is written with as much care as its output."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with writing():  # --help and --version print while they are parsed
            return super().make_context(*args, **kwargs)


class _Group(_Command, click.Group):
    command_class: type[click.Command] | None = _Command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reconnecting-sse")
def commands() -> None:
    """Follow Server-Sent Events, whatever happens to the connection."""


@commands.command()
@click.argument("url", callback=argument.checked(argument.url))
@click.option(
    "-H",
    "--header",
    "headers",
    metavar="'NAME: VALUE'",
    multiple=True,
    callback=argument.checked(argument.header),
    help="A header to send; may be repeated.",
)
@click.option(
    "-X",
    "--request",
    "method",
    metavar="METHOD",
    callback=argument.checked(argument.method),
    help="The request's method.",
)
@click.option(
    "-d",
    "--data",
    metavar="TEXT",
    multiple=True,  # to refuse it
    callback=argument.body,
    help="A body to send, as it is; makes the method POST.",
)
@click.option(
    "--last-event-id",
    metavar="ID",
    callback=argument.checked(str),
    help="Go on after this event.",
)
@click.option(
    "--store",
    metavar="URL",
    callback=argument.store,
    help="Keep the position there, as in sqlite:///cursors.db, and go on from it.",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=argument.checked(str),
    help="The name that it is kept under.",
)
@click.option(
    "--lease",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    callback=argument.seconds,
    help="Hold the name for so long, renewed; others under it stand by.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "-n",
    "--max-events",
    type=click.IntRange(min=1),
    metavar="N",
    help="End after so many events.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    callback=argument.seconds,
    help="Silence after which the connection counts as lost; 0: never.",
)
@click.option(
    "--connect-to",
    metavar="HOST1:PORT1:HOST2:PORT2",
    multiple=True,
    callback=argument.checked(argument.connect_to),
    help="Connect to HOST2:PORT2 instead of HOST1:PORT1; may be repeated.",
)
@click.option(
    "--cacert",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Trust the certificate authorities in this file instead of the system's.",
)
@click.option("-k", "--insecure", is_flag=True, help="Trust any certificate.")
@click.option("-v", "--verbose", is_flag=True, help="Log everything to stderr.")
@click.pass_context
def tail(context: click.Context, /, **options: Any) -> None:
    """Print the events of URL as they come.

    Reconnects for as long as it takes, and goes on after the last event. Each failed
    attempt is one line on stderr. Ctrl-C ends it.
    """
    from reconnecting_sse.cli import tail as tailing  # noqa: PLC0415  (for --help)

    context.exit(tailing.tail(tailing.TailOptions(**options)))


@commands.command()
@click.argument("store", callback=argument.store)
@click.option(
    "--set",
    "given",
    nargs=2,
    metavar="NAME POSITION",
    help="Set a name's position; whoever runs under it is told.",
)
@click.option(
    "--forget",
    metavar="NAME",
    help="Forget a name's position; whoever runs under it is told.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def positions(context: click.Context, /, **options: Any) -> None:
    """List what STORE keeps: names, positions, their ages, and who holds them.

    STORE is a URL: sqlite:///cursors.db, postgresql+psycopg://…, redis://…
    """
    from reconnecting_sse.cli import positions as places  # noqa: PLC0415  (for --help)

    context.exit(places.positions(**options))


@commands.command()
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="Repeat the run that printed this seed. Default: a random one.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=30),
    metavar="MAX",
    default=25.0,
    show_default=True,
    callback=argument.seconds,
    help="End after so many seconds at the latest; what is missing then is lost.",
)
@click.option(
    "--async/--sync", "is_async", help="Which face of the library consumes it."
)
@click.pass_context
def demo(context: click.Context, /, **options: Any) -> None:
    """Break a local server's stream in every way, and lose nothing.

    A server on loopback sends 300 numbered events, and cuts, resets, stalls, ends or
    refuses the connection again and again. The verdict compares what arrived with
    what the server has; the exit status is 0 only if they are the same.
    """
    from reconnecting_sse.cli import demo as ordeal  # noqa: PLC0415  (for --help)

    context.exit(ordeal.demo(**options))
