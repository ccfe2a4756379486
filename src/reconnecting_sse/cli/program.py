"""The command line, ``reconnecting-sse``.

Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 another process took the name over,
4 a handler did not end in time, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

import click
from click.shell_completion import get_completion_class

from reconnecting_sse.cli import arguments as argument
from reconnecting_sse.cli.output import Output, writing
from reconnecting_sse.cli.signals import INTERRUPTED
from reconnecting_sse.cli.words import (
    FEED,
    FLEET,
    HEADINGS,
    RUN,
    WAY,
    WORK,
    heading_of,
    with_options,
)

PROGRAM = "reconnecting-sse"

TAIL_EXAMPLES = """\b
Examples:
  reconnecting-sse tail https://example.com/feed
  reconnecting-sse tail --json -n 10 https://example.com/feed | jq .data
  reconnecting-sse tail --store sqlite:///cursors.db --name a https://example.com/feed
"""

WORK_EXAMPLE = """\b
Example:
  reconnecting-sse work https://example.com/feed prices:handle \\
      --store sqlite:///worker.db --name prices
"""


def main() -> NoReturn:
    """Run the program with the process's arguments, and end the process."""
    # A shell script that starts us in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = commands.main(prog_name=PROGRAM, standalone_mode=False)
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


class _Grouping(_Command):
    """One whose options are listed under headings."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        records: dict[str, list[tuple[str, str]]] = {each: [] for each in HEADINGS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                records[heading_of(parameter.name)].append(record)
        for heading, listed in records.items():
            if listed:
                with formatter.section(heading):
                    formatter.write_dl(listed)


class _Group(_Command, click.Group):
    command_class: type[click.Command] | None = _Grouping


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reconnecting-sse")
def commands() -> None:
    """Follow Server-Sent Events, whatever happens to the connection."""


@commands.command(epilog=TAIL_EXAMPLES)
@click.argument("url", callback=argument.checked(argument.url))
@with_options(FEED)
@click.option(
    "--last-event-id",
    metavar="ID",
    callback=argument.checked(str),
    help="Go on after this event.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--text",
    metavar="PATH",
    callback=argument.checked(argument.path),
    help="Only the text at this place of each event's JSON, as it comes, until [DONE];"
    " as in choices.0.delta.content.",
)
@click.option(
    "-n",
    "--max-events",
    type=click.IntRange(min=1),
    metavar="N",
    help="End after so many events.",
)
@click.option(
    "--exit-when-idle",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    callback=argument.seconds,
    help="End once no event has come for so long on an open stream.",
)
@click.pass_context
def tail(context: click.Context, /, **options: Any) -> None:
    """Print the events of URL as they come.

    Reconnects for as long as it takes, and goes on after the last event. Each failed
    attempt is one line on stderr. Ctrl-C ends it.
    """
    from reconnecting_sse.cli import tail as tailing  # noqa: PLC0415  (for --help)

    context.exit(tailing.tail(tailing.TailOptions(**options)))


@commands.command(epilog=WORK_EXAMPLE)
@click.argument("url", callback=argument.checked(argument.url))
@click.argument("handler", metavar="PACKAGE.MODULE:HANDLER")
@with_options(FEED)
@with_options(WORK)
@click.pass_context
def work(context: click.Context, /, **options: Any) -> None:
    """Hand the events of URL to a function.

    The function, plain or a coroutine function, is called with each event, and the
    position is kept: --store and --name are needed. The first SIGTERM or Ctrl-C
    finishes what was begun, commits and ends; a second one ends at once.

    Exit statuses: 0 done or stopped, 1 failed, 3 another process took the name over, 4
    a call did not end in time.
    """
    from reconnecting_sse.cli import work as working  # noqa: PLC0415  (for --help)

    context.exit(working.work(working.WorkOptions(**options)))


@commands.command()
@click.argument("file", type=click.Path())
@with_options(FLEET)
@with_options(WAY)
@with_options(RUN)
@click.pass_context
def fleet(context: click.Context, /, **options: Any) -> None:
    """Share a file of feeds among processes.

    FILE is TOML: each feed with its name, its URL and its handler. Every process that
    runs this command serves as many feeds as the others, or one more; they take over
    what one leaves or dies with. The first SIGTERM or Ctrl-C finishes what was begun,
    commits, leaves and ends; a second one ends at once.

    Exit statuses: as those of work.
    """
    from reconnecting_sse.cli import fleet as serving  # noqa: PLC0415  (for --help)

    context.exit(serving.fleet(serving.FleetOptions(**options)))


@commands.group("dead-letters", cls=_Group)
def dead_letters() -> None:
    """See to events that could not be handled.

    STORE is a URL, as for --store. Without a NAME all names are meant, and without a
    POSITION all dead letters of the name; a key from the list is as good as one.
    """


def _of_letters(command: Any) -> Any:
    command = click.argument("positions", metavar="[POSITION]...", nargs=-1)(command)
    command = click.argument("name", required=False)(command)
    return click.argument("store", callback=argument.store)(command)


@dead_letters.command("list")
@_of_letters
@click.pass_context
def list_(context: click.Context, /, **options: Any) -> None:
    """List them, the oldest first."""
    from reconnecting_sse.cli import letters  # noqa: PLC0415  (for --help)

    context.exit(letters.as_table(**options))


@dead_letters.command()
@_of_letters
@click.pass_context
def show(context: click.Context, /, **options: Any) -> None:
    """Show them whole, each as a JSON object on a line."""
    from reconnecting_sse.cli import letters  # noqa: PLC0415  (for --help)

    context.exit(letters.as_objects(**options))


@dead_letters.command()
@_of_letters
@click.pass_context
def replay(context: click.Context, /, **options: Any) -> None:
    """Have them handed over once more.

    A worker that runs under the name does so within 5 s, beside the feed; else the next
    one does.
    """
    from reconnecting_sse.cli import letters  # noqa: PLC0415  (for --help)

    context.exit(letters.replay(**options))


@dead_letters.command()
@_of_letters
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def drop(context: click.Context, /, **options: Any) -> None:
    """Delete them."""
    from reconnecting_sse.cli import letters  # noqa: PLC0415  (for --help)

    context.exit(letters.drop(**options))


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
    """List what a store keeps.

    Names, positions, their ages, and who holds them. STORE is a URL:
    sqlite:///cursors.db, postgresql+psycopg://…, redis://…
    """
    from reconnecting_sse.cli import positions as places  # noqa: PLC0415  (for --help)

    context.exit(places.positions(**options))


@commands.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash, in ~/.bashrc:
      eval "$(reconnecting-sse completion bash)"
    zsh, in ~/.zshrc, after compinit:
      eval "$(reconnecting-sse completion zsh)"
    fish, in ~/.config/fish/config.fish:
      reconnecting-sse completion fish | source
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(
        commands, {}, PROGRAM, f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()
    )
    Output().line(script.source())


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
    """Break a local stream, and lose nothing.

    A server on loopback sends 300 numbered events, and cuts, resets, stalls, ends or
    refuses the connection again and again. The verdict compares what arrived with
    what the server has; the exit status is 0 only if they are the same.
    """
    from reconnecting_sse.cli import demo as ordeal  # noqa: PLC0415  (for --help)

    context.exit(ordeal.demo(**options))
