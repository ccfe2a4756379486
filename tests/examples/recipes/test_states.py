"""Recipes for streams that send a state, and then its changes."""

from __future__ import annotations

import json
import ssl
from itertools import islice
from urllib.parse import urlsplit

import pytest
import trustme

from reconnecting_sse import (
    CertificateRejected,
    UnexpectedStatus,
)
from reconnecting_sse.testing import (
    Answer,
    ScriptedServer,
)
from tests.dialects.stand_ins import block
from tests.examples.recipes.programs import client, printed, recipe


def test_hue_is_trusted_by_its_id(tmp_path, capsys):
    authority, hue = trustme.CA(), recipe("hue")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # As the bridge's: its ID is its common name, and there is no alternative one.
    certificate = authority.issue_cert(common_name="001788fffe123456")
    certificate.configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    document = [
        {"type": "update", "data": [{"id": "lamp", "type": "light"}]},
        {"type": "add", "data": [{"id": "new", "type": "light"}]},
    ]
    body = ": hi\n\n" + block(json.dumps(document), id="1634576695:0")
    script = [
        Answer(body=f"{body}data: [{{", end="cut"),
        Answer(body=body, end="hang"),
        Answer(body=body),
        Answer(204, headers=()),
    ]
    with ScriptedServer(script, ssl_context=context) as server:
        address = urlsplit(server.url).netloc
        with hue.client_of("001788fffe123456", str(file), "key") as made:
            found = islice(hue.changes(made, address), 2)
            assert [each["id"] for each in found] == ["lamp", "lamp"]
        assert server.requests[0].target == "/eventstream/clip/v2"
        assert server.requests[0].header("hue-application-key") == "key"
        server.assert_resumed_from([None, "1634576695:0"])
        made = hue.client_of("001788fffe999999", str(file), "key")
        with made, pytest.raises(CertificateRejected):
            next(hue.changes(made, address))
        words = [address, "001788FFFE123456", str(file)]
        assert printed(hue, capsys, *words, HUE_KEY="key") == "light lamp\n"


class Firebase:
    """Redirects to the host of the data; revokes the first token."""

    def __init__(self):
        self.tokens = []

    def __call__(self, request):
        token = request.query("auth")
        assert urlsplit(request.target).path == "/chat.json"
        if request.listener == "main":
            location = f"{{other}}/chat.json?auth={token}"
            return Answer(307, headers=[("Location", location)])
        self.tokens.append(token)
        if len(self.tokens) == 1:
            whole = {"a": {"name": "Ann"}}
            body = [self.event("put", "/", whole), "event: pa"]
            return Answer(body=body, end="cut")
        if len(self.tokens) == 2:
            body = [
                self.event("put", "/", {"a": {"name": "Ann"}, "b": 1}),
                block("null", event="keep-alive"),
                self.event("patch", "/a", {"name": "Anna", "age": 7}),
                self.event("put", "/b", None),
                block('"token expired"', event="auth_revoked"),
            ]
            return Answer(body=body, end="hang")
        body = [self.event("put", "/", None), block("null", event="cancel")]
        return Answer(body=body, end="hang")

    def event(self, kind, path, data):
        return block(json.dumps({"path": path, "data": data}), event=kind)


def test_firebase_is_copied_through_redirects_drops_and_tokens():
    stand_in, firebase = Firebase(), recipe("firebase")
    tokens = (f"t{n}" for n in range(10))
    found = []
    with ScriptedServer(stand_in) as server, client() as made:
        copies = firebase.copies(made, f"{server.url}/chat", lambda: next(tokens))
        with pytest.raises(PermissionError):
            found.extend(copies)
    assert found == [
        {"a": {"name": "Ann"}},
        {"a": {"name": "Ann"}, "b": 1},
        {"a": {"name": "Anna", "age": 7}, "b": 1},
        {"a": {"name": "Anna", "age": 7}},
        None,
    ]
    assert stand_in.tokens == ["t0", "t1", "t2"]


def test_firebase_copies_are_as_the_database_has_them():
    with_put = recipe("firebase").with_put
    # Children whose names are numbers come as an array.
    people = {"people": [{"name": "Ann"}, None, {"name": "Cy"}]}
    changed = with_put(people, ["people", "2", "name"], "Cyd")
    assert changed == {"people": {"0": {"name": "Ann"}, "2": {"name": "Cyd"}}}
    # Who has no children is not there.
    assert with_put({"a": {"b": 1}, "c": 2}, ["a", "b"], None) == {"c": 2}
    assert with_put({"a": {"b": 1}}, ["a", "b"], None) is None
    assert with_put("text", ["a"], 1) == {"a": 1}


def test_firebase_reads_a_fresh_token_for_each_connection(tmp_path, capsys):
    firebase, file = recipe("firebase"), tmp_path / "token"
    database = Firebase()
    file.write_text("t0\n")

    def answer(request):
        step = database(request)
        file.write_text(f"t{len(database.tokens)}\n")
        return step

    with ScriptedServer(answer) as server, pytest.raises(PermissionError):
        variables = {"FIREBASE_TOKEN_FILE": str(file)}
        printed(firebase, capsys, f"{server.url}/chat", **variables)
    assert database.tokens == ["t0", "t1", "t2"]
    assert capsys.readouterr().out.endswith("\nnull\n")


class Flags:
    """All flags first, then changes; the first connection is cut."""

    def __init__(self):
        self.connections = 0

    def __call__(self, request):
        if request.header("authorization") != "key":
            return Answer(401, headers=())
        self.connections += 1
        flags = {"dark-mode": {"version": self.connections, "on": False}}
        put = {"path": "/", "data": {"flags": flags, "segments": {}}}
        first = block(json.dumps(put), event="put")
        if self.connections == 1:
            body = f"retry: 1\n{first}" + self.patch(5, on=True) + "event: pat"
            return Answer(body=body, end="cut")
        gone = {"path": "/flags/dark-mode", "version": 9}
        segment = {"path": "/segments/x", "data": {"version": 1}}
        body = [first, self.patch(1, on=True), self.patch(3, on=True)]
        body += [block(json.dumps(segment), event="patch")]
        body += [block(json.dumps({"path": "/flags/dark-mode"}), event="newer")]
        body += [block("{}", event="newer")]
        body += [block(json.dumps(gone), event="delete")]
        return Answer(body=body, end="hang")

    def patch(self, version, *, on):
        data = {"version": version, "on": on}
        patch = {"path": "/flags/dark-mode", "data": data}
        return block(json.dumps(patch), event="patch")


def test_flags_are_those_of_the_newest_version():
    recipes, stand_in = recipe("flags"), Flags()
    with ScriptedServer(stand_in) as server:
        with client(headers={"Authorization": "key"}) as made:
            states = recipes.followed(made, server.url, recipes.Flags())
            found = [each.value("dark-mode", "?") for each in islice(states, 6)]
        with client() as made, pytest.raises(UnexpectedStatus):
            next(recipes.followed(made, server.url, recipes.Flags()))
    # The second connection's state replaces the first's, older as it may be.
    assert found == [False, True, False, False, True, "?"]
    assert recipes.Flags().value("unknown", default=3) == 3
