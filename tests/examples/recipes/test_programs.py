"""Every recipe as a program, and on the page that lists them."""

from __future__ import annotations

import json
import os

import pytest

from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import block
from tests.examples.recipes.programs import JSON, RECIPES, printed, recipe


def stopping(*answers, **pages):
    """Streams one after another, and then 204: there will be no more."""
    left = iter(answers)

    def answer(request):
        for part, page in pages.items():
            if part in request.target:
                body = page.replace("HOST", request.header("host"))
                return Answer(headers=JSON, body=body)
        return next(left, Answer(204, headers=()))

    return answer


def _edit(n):
    meta = {"domain": "de.wikipedia.org"}
    edit = {"meta": meta, "wiki": "dewiki", "type": "edit", "title": f"page {n}"}
    return block(json.dumps(edit), id=f'[{{"offset":{n}}}]')


def _message(n):
    return block(json.dumps({"id": f"m{n}", "event": "message", "message": f"no. {n}"}))


def _status(n):
    status = {"id": str(n), "url": f"https://m/{n}", "account": {"acct": "me"}}
    return block(json.dumps(status), event="update")


def _flag(n):
    flags = {"dark-mode": {"version": n, "on": n == 2}}
    return block(json.dumps({"path": "/", "data": {"flags": flags}}), event="put")


@pytest.mark.parametrize(
    ("name", "event", "words", "variables", "lines"),
    [
        ("wikimedia", _edit, ["dewiki"], {}, ["page 1", "page 2"]),
        ("ntfy", _message, ["URL"], {}, [" no. 1", " no. 2"]),
        (
            "mastodon",
            _status,
            ["URL"],
            {"MASTODON_TOKEN": "key"},
            ["me https://m/1", "me https://m/2"],
        ),
        (
            "flags",
            _flag,
            ["URL"],
            {"FLAGS_KEY": "key"},
            ["dark-mode is False", "dark-mode is True"],
        ),
        ("several_feeds", lambda n: f"data: {n}\n\n", ["URL"], {}, ["URL 1", "URL 2"]),
    ],
)
def test_a_program_prints_until_its_server_says_stop(
    *, name, event, words, variables, lines, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)  # where a store may be written
    first = Answer(body=f"retry: 1\n{event(1)}data: cut of", end="cut")
    instance = json.dumps({"configuration": {"urls": {"streaming": "http://HOST"}}})
    pages = {"timelines": "[]", "instance": instance}
    script = stopping(first, Answer(body=event(2)), **pages)
    with ScriptedServer(script) as server:
        words = [word.replace("URL", server.url) for word in words]
        variables = {**variables, "WIKIMEDIA_URL": server.url}
        out = printed(recipe(name), capsys, *words, **variables)
        assert out.replace(server.url, "URL").splitlines() == lines


PROGRAMS = sorted(
    path.stem for path in RECIPES.glob("*.py") if "__main__" in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_what_it_wants(name, capsys, monkeypatch):
    for variable in os.environ:
        if variable.endswith(("_KEY", "_TOKEN", "_TOKEN_FILE")):
            monkeypatch.delenv(variable)
    with pytest.raises(SystemExit) as ended:
        recipe(name).main([])
    assert ended.value.code == 2
    assert "Error: Missing " in capsys.readouterr().err


def test_every_recipe_is_told_of():
    index = (RECIPES.parents[1] / "docs" / "recipes" / "index.md").read_text("utf-8")
    for path in RECIPES.glob("*.py"):
        assert f"recipes/{path.name}" in index, path.name
