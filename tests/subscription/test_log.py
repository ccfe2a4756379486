"""Where the log goes, and what it shows."""

from __future__ import annotations

import logging
import subprocess
import sys
from unittest import mock

import pytest
import structlog

from reconnecting_sse.lifecycle import Connecting, Dropped, Gap, Waiting
from reconnecting_sse.subscription import log

CONNECTING = Connecting(url="http://feed.test/", attempt=1, last_event_id="")
DROPPED = Dropped(url="http://feed.test/", cause="ReadTimeout")
GAP = Gap(url="http://feed.test/", reason="the server says so", asked_for="7")


@pytest.fixture(autouse=True)
def unconfigured():
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def test_a_fact_is_one_event_under_its_name_at_its_level():
    with structlog.testing.capture_logs() as events:
        log.write(structlog.get_logger(), DROPPED)
        log.write(structlog.get_logger(), GAP)
        log.write(structlog.get_logger(), CONNECTING)
    dropped, gap, connecting = events
    assert dropped == {
        "event": "stream.dropped",
        "log_level": "info",
        "url": "http://feed.test/",
        "cause": "ReadTimeout",
    }
    assert gap["log_level"] == "warning"
    assert connecting["log_level"] == "debug"
    assert connecting["last_event_id"] == ""


def test_an_application_that_configured_structlog_gets_its_own_logger():
    with structlog.testing.capture_logs() as events:
        structlog.configure()
        log.write(log.default_logger(), DROPPED)
    assert [event["event"] for event in events] == ["stream.dropped"]


def test_without_structlog_the_standard_librarys_logger_is_used(caplog):
    caplog.set_level(logging.INFO, logger=log.NAME)
    logger = log.default_logger()
    log.write(logger, CONNECTING)
    log.write(logger, Waiting(url="u", delay=1.5, attempt=2, cause="503"))
    log.write(logger, GAP)
    shown = [(r.name, r.levelname, r.getMessage()) for r in caplog.records]
    assert shown[0] == (
        "reconnecting_sse",
        "INFO",
        "event='stream.waiting' url='u' delay=1.5 attempt=2 cause='503'",
    )
    assert [level for _, level, _ in shown] == ["INFO", "WARNING"]


def test_the_standard_librarys_records_have_the_fields_as_attributes(caplog):
    caplog.set_level(logging.INFO, logger=log.NAME)
    log.write(log.default_logger(), Waiting(url="u", delay=1.5, attempt=2, cause="503"))
    (record,) = caplog.records
    assert record.event == "stream.waiting"
    assert (record.url, record.delay, record.attempt) == ("u", 1.5, 2)
    assert record.cause == "503"


@pytest.fixture
def records_with_an_url():
    ordinary = logging.getLogRecordFactory()

    def factory(*args, **keywords):
        record = ordinary(*args, **keywords)
        record.url = "the request that is being served"
        return record

    logging.setLogRecordFactory(factory)
    yield
    logging.setLogRecordFactory(ordinary)


@pytest.mark.usefixtures("records_with_an_url")
def test_no_attribute_of_the_record_is_replaced(caplog):
    log.write(log.default_logger(), GAP)
    (record,) = caplog.records
    assert record.url == "the request that is being served"
    assert record.url_ == "http://feed.test/"


@pytest.mark.parametrize("name", ["name", "args", "message", "asctime"])
def test_no_name_that_a_record_owns_makes_logging_raise(caplog, name):
    log.logger_of(logging.getLogger("worker")).warning("stream.gap", **{name: "x"})
    (record,) = caplog.records
    assert getattr(record, f"{name}_") == "x"
    assert record.name == "worker"


def test_a_logger_of_the_standard_library_may_be_given(caplog):
    worker = logging.getLogger("worker")
    caplog.set_level(logging.DEBUG, logger="worker")
    log.write(log.logger_of(worker), DROPPED)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("worker", "INFO")
    assert record.getMessage().startswith("event='stream.dropped' url='http://feed.")


@pytest.mark.parametrize("given", ["worker", logging.LoggerAdapter(logging.root)])
def test_what_takes_no_keywords_is_no_logger(given):
    with pytest.raises(TypeError, match="logger= is a structlog logger"):
        log.logger_of(given)


@pytest.mark.parametrize(
    "given", [structlog.get_logger("worker"), mock.MagicMock(spec=logging.Logger)]
)
def test_a_logger_that_takes_keywords_is_used_as_it_is(given):
    assert log.logger_of(given) is given


def test_an_application_that_configured_nothing_sees_warnings_only_and_on_stderr():
    program = (
        "from reconnecting_sse.subscription import log\n"
        "from reconnecting_sse.lifecycle import Dropped, Gap\n"
        "logger = log.default_logger()\n"
        "log.write(logger, Dropped(url='u', cause='c'))\n"
        "log.write(logger, Gap(url='u', reason='r', asked_for='7'))\n"
        "import structlog\n"
        "assert not structlog.is_configured()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    expected = "event='stream.gap' url='u' reason='r' asked_for='7'"
    assert ran.stderr.splitlines() == [expected]


def test_a_wrong_port_does_not_look_like_a_hang():
    """In an application that configured nothing, within the first moment."""
    program = (
        "import httpxr, socket\n"
        "from reconnecting_sse import ReconnectingEventSource, StreamingTransport\n"
        "client = httpxr.Client(transport=StreamingTransport(), trust_env=False)\n"
        "with socket.socket() as unused:\n"
        "    unused.bind(('127.0.0.1', 0))\n"
        "    url = 'http://127.0.0.1:%d/feed' % unused.getsockname()[1]\n"
        "    with ReconnectingEventSource(client, 'GET', url) as source:\n"
        "        list(source.iter_sse())\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True
    )
    with child:
        line = child.stderr.readline()
        child.kill()
    assert "event='stream.dropped' url='http://127.0.0.1:" in line
    assert "is the address right, and a server listening there?" in line
    assert "goes_on='up to 9 more attempts" in line
