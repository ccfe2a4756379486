"""Handlers are killed on either face; here the processes themselves are measured."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from reconnecting_sse.stores import SqliteStore
from tests.testing.crashing import Awaited


def test_a_handler_that_is_not_idempotent(crash_points, tmp_path):
    done = tmp_path / "done"

    def handle(event):
        with done.open("a") as file:
            print(event.id, file=file)

    def effects():
        return done.read_text().split() if done.exists() else []

    report = crash_points(
        handle, store=lambda: SqliteStore(tmp_path / "db"), effects=effects, events=1
    )
    report.assert_at_least_once()
    with pytest.raises(AssertionError, match="    twice: event 1\n"):
        report.assert_exactly_once()


def test_a_handler_that_fails(crash_points, tmp_path):
    def handle(event):
        raise ValueError("no such table")

    with pytest.raises(AssertionError) as told:
        crash_points(handle, store=lambda: SqliteStore(tmp_path / "db"), effects=list)
    said = str(told.value).splitlines()
    assert said[0] == "handle fails without any crash:"
    assert "test_crash_faces.py" in said[1]  # nothing of what is in between
    assert said[-1] == "ValueError: no such table"
    assert len(said) < 6


@pytest.mark.parametrize("kind", ["loop", "async", "async loop", "async store"])
def test_it_is_killed_on_either_face_and_in_loops(crash_points, tmp_path, kind):
    path = tmp_path / "db"

    def save(event, db):
        db.execute("INSERT INTO done VALUES (?)", [event.id])

    async def asave(event, db):
        await asyncio.sleep(0)
        save(event, db)

    def loop(source):
        for event in source.iter_sse():
            with source.transaction() as db:
                save(event, db)

    async def aloop(source):
        async for event in source.aiter_sse():
            async with source.transaction() as db:
                await asave(event, db)

    def effects():
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE IF NOT EXISTS done (id TEXT)")
            return db.execute("SELECT id FROM done").fetchall()

    def store():
        return Awaited(SqliteStore(path)) if "store" in kind else SqliteStore(path)

    handler = {"loop": loop, "async loop": aloop}.get(kind, asave)
    crash_points(
        handler,
        store=store,
        effects=effects,
        events=1,
        boundaries=2,
        **{"loop": True} if "loop" in kind else {"transactional": True},
    ).assert_exactly_once()
