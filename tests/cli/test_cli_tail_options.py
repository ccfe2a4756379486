"""``tail``'s options for how to retry, how to read, and in which shape to print."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading

import click
import pytest
from httpxr.sse import ServerSentEvent

from reconnecting_sse.cli import commands
from reconnecting_sse.cli.idling import IdleWatch
from reconnecting_sse.cli.words import HEADINGS, heading_of
from reconnecting_sse.testing import Answer, Hang, NumberedFeed, ScriptedServer
from tests.cli.invoking import Child, invoked

CONTENT = "choices.0.delta.content"


def run(*words):
    return invoked("tail", *words)


def said(*texts, end="data: [DONE]\n\n"):
    deltas = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    return "".join(f"data: {json.dumps(delta)}\n\n" for delta in deltas) + end


def asked(body, *words):
    with ScriptedServer([Answer(body=body)]) as server:
        return run("--text", CONTENT, "-d", "{}", server.url, *words)


# ------------------------------------------------------------------ text


def test_the_text_comes_without_anything_between():
    result = asked(said("Hel", "lo,", " wor\nld"))
    assert (result.exit_code, result.stdout) == (0, "Hello, wor\nld\n")
    assert result.stderr == ""


def test_a_text_that_ends_its_line_gets_no_other():
    assert asked(said("one\n")).stdout == "one\n"


def test_there_is_nothing_to_end_where_nothing_was_said():
    assert asked("data: [DONE]\n\n").stdout == ""


@pytest.mark.parametrize(
    "data",
    [
        "no json",
        "[" * 100_000,
        "{}",
        "[]",
        '{"choices": []}',
        '{"choices": {"0": 1}}',
        '{"choices": [{"delta": {"role": "assistant"}}]}',
        '{"choices": [{"delta": {"content": null}}]}',
        '{"choices": [{"delta": {"content": {"a": 1}}}]}',
        '{"choices": "abc"}',
        '{"error": null}',
        '{"choices": {"0": {"delta": []}}}',
    ],
)
def test_what_has_no_text_there_is_passed_over(data):
    result = asked(f"data: {data}\n\n{said('x')}")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "x\n", "")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ('data: {"error": {"message": "too many tokens"}}', "too many tokens"),
        ('data: {"error": "overloaded"}', "overloaded"),
        ('data: {"error": {"code": 7}}', '{"error": {"code": 7}}'),
        ("event: error\ndata: gone\x1b[2J", "gone\\x1b[2J"),
    ],
)
def test_an_event_that_tells_of_an_error_ends_it(event, told):
    result = asked(said("so far", end=f"{event}\n\n"))
    assert (result.exit_code, result.stdout) == (1, "so far\n")
    assert result.stderr == f"error: the server says: {told}\n"


def test_no_text_commands_the_terminal():
    assert asked(said("a\x1b]0;b\x07\u202ec")).stdout == "a\\x1b]0;b\\x07\\u202ec\n"


def test_events_are_counted_whether_they_have_text_or_not():
    assert asked("data: {}\n\n" + said("a", "b"), "-n", "2").stdout == "a\n"


@pytest.mark.parametrize("path", ["", ".", "a..b", "a."])
def test_a_path_has_no_empty_step(path):
    result = run("--text", path, "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "as in choices.0.delta.content" in result.stderr


def test_an_index_may_have_any_number_of_digits():
    with ScriptedServer(
        [Answer(body="retry: 1\ndata: [1]\n\n"), Answer(204)]
    ) as server:
        result = run("--text", "9" * 5000, server.url)
    assert (result.exit_code, result.stdout) == (0, "")


def test_ctrl_c_ends_it_while_nobody_takes_its_text():
    flood = said("a", "x" * (1 << 20))  # no pipe holds so much
    answer, words = Answer(body=flood, end="hang"), ("--text", CONTENT)
    with ScriptedServer([answer]) as server, Child(*words, server.url) as child:
        assert child.process.stdout.read(2) == b"ax"
        status, summary = child.stop()
    assert status == 130
    assert summary.startswith("interrupted: 2 events,")


def test_one_shape_at_a_time():
    result = run("--text", "a", "--json", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "give one of them" in result.stderr


# ------------------------------------------------------------------ the end


def test_it_ends_once_nothing_comes():
    with ScriptedServer(NumberedFeed(3)) as server:
        result = run("--json", "--exit-when-idle", "0.1", server.url)
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [
        "1",
        "2",
        "3",
    ]


def test_a_slow_reader_is_not_a_silent_feed():
    watch, ended = IdleWatch(0.01), threading.Event()
    with watch.watching(ended.set):
        for _ in watch.awaiting([ServerSentEvent(data="a")]):
            assert not ended.wait(0.05)  # five times what it takes
        assert ended.wait(5)


@pytest.mark.parametrize("seconds", ["inf", "1e300", "1e10"])
def test_an_idle_time_beyond_all_clocks_is_waited_for(seconds):
    with ScriptedServer([Answer(body="retry: 1\ndata: a\n\n"), Answer(204)]) as server:
        result = run("--json", "--exit-when-idle", seconds, server.url)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)


def test_without_a_stream_it_does_not_end_well():
    with ScriptedServer([Answer(503), Answer(404)]) as server:
        result = run("--exit-when-idle", "0.001", server.url)
    assert result.exit_code == 1


# ------------------------------------------------------------------ retries


def test_it_gives_up_after_so_many_retries():
    busy = Answer(503, headers=[("Retry-After", "0")], framing="length")
    with ScriptedServer([busy] * 3) as server:
        result = run("--retry-max", "2", server.url)
        assert len(server.requests) == 3
    assert result.exit_code == 1


def test_no_retry_is_one_attempt():
    with ScriptedServer([Answer(503)]) as server:
        assert run("--retry-max", "0", server.url).exit_code == 1


def test_it_gives_up_after_so_long():
    with ScriptedServer([Answer(503)]) as server:
        assert run("--retry-max-time", "1e-9", server.url).exit_code == 1


def test_no_time_is_no_limit_as_for_curl():
    busy = Answer(503, headers=[("Retry-After", "0")], framing="length")
    with ScriptedServer([busy, Answer(204)]) as server:
        assert run("--retry-max-time", "0", server.url).exit_code == 0


def test_like_a_browser_it_retries_what_a_browser_does():
    with ScriptedServer([Answer(503)]) as server:
        assert run("--like-a-browser", server.url).exit_code == 1
    body = "retry: 0\ndata: a\n\n"
    with ScriptedServer([Answer(body=body), Answer(204)]) as server:
        assert run("--like-a-browser", "--json", server.url).exit_code == 0


# ------------------------------------------------------------------ reading


def test_any_content_type_is_read():
    plain = [("Content-Type", "text/plain")]
    with ScriptedServer([Answer(headers=plain, body="data: a\n\n")] * 2) as server:
        refused = run(server.url)
        assert refused.exit_code == 1
        assert "--any-content-type" in refused.stderr
        assert run("--any-content-type", "-n", "1", server.url).exit_code == 0


@pytest.mark.parametrize(
    ("size", "status"),
    [("10", 1), ("1k", 0), ("1K", 0), ("1m", 0), ("1G", 0), ("0", 0)],
)
def test_the_largest_event(size, status):
    body = f"data: {'x' * 100}\n\n"
    with ScriptedServer([Answer(body=body, end="hang")]) as server:
        result = run("--max-event-bytes", size, "-n", "1", server.url)
    assert result.exit_code == status
    assert ("--max-event-bytes" in result.stderr) == bool(status)


@pytest.mark.parametrize("size", ["", "k", "1T", "-1", "1.5M", "1 k"])
def test_a_size_is_a_number_with_a_suffix(size):
    result = run("--max-event-bytes", size, "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "500k" in result.stderr


def test_headers_that_do_not_come():
    with ScriptedServer([Hang()]) as server:
        result = run("--header-timeout", "0.05", "--retry-max", "0", server.url)
    assert result.exit_code == 1


# ------------------------------------------------------------------ completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell):
    result = invoked("completion", shell)
    assert result.exit_code == 0
    assert f"_RECONNECTING_SSE_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        command = [shell, "-n"] if shell != "fish" else [shell, "--no-execute"]
        subprocess.run(command, input=result.stdout, text=True, check=True)


def test_bash_completes_commands_and_options(tmp_path):
    program = tmp_path / "reconnecting-sse"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconnecting_sse "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(reconnecting-sse completion bash)"
        COMP_WORDS=(reconnecting-sse ta) COMP_CWORD=1
        _reconnecting_sse_completion reconnecting-sse
        echo "${COMPREPLY[@]}"
        COMPREPLY=() COMP_WORDS=(reconnecting-sse tail --exit-) COMP_CWORD=2
        _reconnecting_sse_completion reconnecting-sse
        echo "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == ["tail", "--exit-when-idle"], ended.stderr


def completed(line, *also):
    """What TAB completes at the line's end, and modules of those that it imported."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "from reconnecting_sse.cli import main\n"
        "try: main()\n"
        "finally: print(sorted(set(sys.argv[1:]) & set(sys.modules) - before))"
    )
    variables = {
        "_RECONNECTING_SSE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    ended = subprocess.run(
        [sys.executable, "-c", program, *also],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    *found, imported = ended.stdout.splitlines()
    return [each.partition(",")[2] for each in found], imported


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("reconnecting-sse ta", ["tail"]),
        ("reconnecting-sse tail http://h/ --exit-", ["--exit-when-idle"]),
        ("reconnecting-sse tail nothing -H nothing --exit-", ["--exit-when-idle"]),
        ("reconnecting-sse tail --store nothing --connect-to a --nam", ["--name"]),
        ("reconnecting-sse tail --store sqlite:///x.db --nam", ["--name"]),
        ("reconnecting-sse work http://h/ a:b --log j", ["json"]),
        ("reconnecting-sse dead-letters l", ["list"]),
        ("reconnecting-sse fleet fe", ["fe"]),  # the shell's: a file
        ("reconnecting-sse positions sqlite:///x.db --fo", ["--forget"]),
    ],
)
def test_tab_does_not_wait_for_what_it_does_not_need(line, found):
    slow = ("httpxr", "structlog", "sqlite3", "asyncio", "reconnecting_sse.core.errors")
    assert completed(line, *slow) == (found, "[]")


# ------------------------------------------------------------------ help


def options_of(command):
    return [each for each in command.params if isinstance(each, click.Option)]


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_option_says_what_it_is_for(name):
    command = commands.commands[name]
    lacking = [each.name for each in options_of(command) if not each.help]
    assert not lacking
    assert len(command.get_short_help_str(60)) < 60
    assert not command.get_short_help_str(45).endswith("...")


@pytest.mark.parametrize("name", ["tail", "work", "fleet"])
def test_every_option_is_under_a_heading(name):
    homeless = [
        each.name
        for each in options_of(commands.commands[name])
        if heading_of(each.name) == "Options"
    ]
    assert not homeless
    shown = invoked(name, "--help").stdout
    assert "Connection:\n" in shown
    for option in options_of(commands.commands[name]):
        assert option.opts[0] in shown


def test_a_heading_names_no_option_that_is_not_there():
    existing = {
        option.name
        for each in commands.commands.values()
        for option in options_of(each)
    }
    assert set(" ".join(HEADINGS.values()).split()) <= existing
