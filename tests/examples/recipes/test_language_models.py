"""Recipes for language models."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import StandIn, block
from tests.examples.recipes.programs import client, printed, recipe


def deltas(*texts):
    documents = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    first = {"choices": [{"delta": {"role": "assistant"}}]}
    return "".join(block(json.dumps(each)) for each in [first, *documents])


class Chat:
    """An answer in three pieces, after which the connection stays open."""

    def __init__(self, end="hang", done="data: [DONE]\n\n"):
        self.end, self.done = end, done

    def __call__(self, request):
        assert request.header("authorization") == "Bearer key"
        asked = json.loads(request.body)
        assert asked["stream"] is True
        assert asked["messages"] == [{"role": "user", "content": "Who?"}]
        return Answer(body=deltas("It", " is", " I.") + self.done, end=self.end)


def test_chat_ends_with_done(capsys):
    with ScriptedServer(Chat()) as server:
        url = {"CHAT_URL": server.url, "OPENAI_API_KEY": "key"}
        assert printed(recipe("chat"), capsys, "Who?", **url) == "It is I.\n"


@pytest.mark.parametrize(("end", "says"), [("cut", "interrupted"), ("finish", "ended")])
def test_a_chat_that_is_not_whole_is_not_asked_again(capsys, end, says):
    with ScriptedServer(Chat(end=end, done="")) as server:
        url = {"CHAT_URL": server.url, "OPENAI_API_KEY": "key"}
        with pytest.raises(SystemExit, match=says):
            printed(recipe("chat"), capsys, "Who?", **url)
        assert len(server.requests) == 1
    assert capsys.readouterr().out == "It is I."


def test_a_chat_that_fails_on_its_way_says_why():
    usage = block(json.dumps({"choices": [], "usage": {"total_tokens": 9}}))
    error = block(json.dumps({"error": {"message": "overloaded"}}))
    headers = {"Authorization": "Bearer key"}
    stand_in = Chat(done=usage + error)
    with (
        ScriptedServer(stand_in) as server,
        client(headers=headers) as made,
        pytest.raises(RuntimeError, match="overloaded"),
    ):
        list(recipe("chat").spoken(made, server.url, "Who?"))


class Responses(StandIn):
    """A response made by POST, and gone on with by GET after a sequence number."""

    path = "/v1/responses"
    last = "response.completed"

    def after(self, path, query, request):
        if request.method == "POST":
            asked = json.loads(request.body)
            assert (asked["background"], asked["stream"]) == (True, True)
            return -1
        assert (path, query["stream"]) == ("/v1/responses/resp_1", "true")
        return int(query["starting_after"])

    def blocks(self, after):
        kinds = ["response.created", *["response.output_text.delta"] * 4, self.last]
        found = []
        for n in range(after + 1, self.count):
            document = {"type": kinds[n], "sequence_number": n, "delta": str(n)}
            if "delta" not in kinds[n]:
                document["response"] = {"id": "resp_1"}
            found.append(block(json.dumps(document), event=kinds[n]))
        return found


def test_a_background_response_is_whole_through_a_drop(capsys):
    with ScriptedServer(Responses()) as server:
        url = {"RESPONSES_URL": server.url + Responses.path, "OPENAI_API_KEY": "key"}
        assert printed(recipe("openai_background"), capsys, "Go.", **url) == "1234\n"
        assert [r.method for r in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize(
    "end", ["response.failed", "response.incomplete", "response.cancelled", "error"]
)
def test_a_background_response_that_is_not_whole_is_an_error(end):
    class Failed(Responses):
        last = end

    spoken = recipe("openai_background").spoken
    with ScriptedServer(Failed()) as server, client() as made:
        pieces = spoken(made, server.url + Responses.path, "Go.")
        assert list(islice(pieces, 4)) == list("1234")
        with pytest.raises(RuntimeError, match=end):
            next(pieces)
