"""The three endpoints over HTTP, as the proxy uses them."""

import asyncio
import http.client
import json
import time
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException

from conftest import Application, Start
from proxy import (
    OLD_SECRET,
    SECRET,
    Signed,
    connect_request,
    disconnect_request,
    message_request,
    serve,
    signed,
)
from shelfshack_ws import SELF, Connection, Deliver, Message, ShelfShack, SignedRequest, close, deliver


def test_register_message_disconnect(start: Start) -> None:
    application = start()
    backend = application.backend
    assert backend.send(connect_request("C=")).json == {"success": True}
    reply = backend.send(message_request("C=", '{"body":"hi"}'))
    assert (reply.status, reply.json) == (200, {"response": "processed", "echo": {"body": "hi"}})
    assert reply.headers["content-type"] == "application/json"
    for _ in range(2):
        assert backend.send(disconnect_request("C=")).json == {"success": True}
    assert application.seen.ended == ["C="]
    assert backend.send(message_request("C=", "{}")).status == 401


def test_a_handshake_without_a_callback_url_is_accepted(start: Start) -> None:
    assert start().backend.send(connect_request("C=", callback_url=None)).json == {"success": True}


def test_25_a_bad_token_is_refused_and_nothing_is_stored(start: Start) -> None:
    application = start()
    for token in ("bad", None):
        reply = application.backend.send(connect_request("C=", token=token))
        assert (reply.status, reply.json) == (401, {"detail": "unauthorized"})
    assert application.backend.send(message_request("C=", "{}")).status == 401
    assert application.seen.messages == []


@pytest.mark.parametrize("verdict", [None, False])
def test_authenticate_may_be_sync_or_async_and_say_none_or_false(start: Start, verdict: bool | None) -> None:
    async def later(token: str | None, type: str, booking_id: str | None) -> bool | None:
        return verdict

    assert start(authenticate=later).backend.send(connect_request("C=")).status == 401
    assert start(authenticate=lambda *_: verdict).backend.send(connect_request("C=")).status == 401


def test_hooks_may_answer_with_a_status(start: Start) -> None:
    def busy(*_: object) -> None:
        raise HTTPException(409, "this booking is over")

    application = start(authenticate=busy)
    reply = application.backend.send(connect_request("C="))
    assert (reply.status, reply.json) == (409, {"detail": "this booking is over"})


def test_initial_frames_are_in_the_answer(start: Start) -> None:
    async def history(connection: Connection) -> list[dict[str, Any]]:
        return [{"type": "history", "booking": connection.booking_id, "since": connection.query.get("since")}]

    reply = start(initial=history).backend.send(connect_request("C=", query={"since": "9"}))
    assert reply.json == {"success": True, "initial": [{"type": "history", "booking": "1", "since": "9"}]}


def test_a_failing_initial_hook_leaves_no_connection(start: Start) -> None:
    def broken(connection: Connection) -> list[Any]:
        raise HTTPException(503)

    application = start(initial=broken)
    assert application.backend.send(connect_request("C=")).status == 503
    assert application.backend.send(message_request("C=", "{}")).status == 401


@pytest.mark.parametrize("reply", [None, {}, Deliver(), deliver([], {"a": 1})])
def test_nothing_to_say_is_204(start: Start, reply: Any) -> None:
    application = start(on_message=lambda *_: reply)
    application.backend.send(connect_request("C="))
    answer = application.backend.send(message_request("C=", "{}"))
    assert (answer.status, answer.body) == (204, b"")


def test_29_a_message_reaches_the_others_of_its_booking(start: Start) -> None:
    async def to_others(connection: Connection, message: Message) -> Deliver:
        others = [
            one for one in await application.ws.connections_of(connection.booking_id) if one != connection
        ]
        return deliver(others, message.content).to(SELF, {"type": "ack"})

    application = start(on_message=to_others)
    for connection_id, booking in (("A=", "1"), ("B=", "1"), ("C=", "2"), ("D=", "1")):
        application.backend.send(connect_request(connection_id, booking_id=booking))
    reply = application.backend.send(message_request("A=", '{"body":"hi"}'))
    ack = {"to": "self", "data": {"type": "ack"}}
    assert reply.json == {"deliver": [{"to": ["B=", "D="], "data": {"body": "hi"}}, ack]}
    assert application.backend.send(message_request("C=", "1")).json == {"deliver": [ack]}


def test_directives() -> None:
    assert close("C=").to(SELF, 1).as_json() == {"deliver": [{"to": "self", "data": 1}], "close": ["C="]}
    mixed = deliver(["A=", SELF, "B="], 1).close(["A=", "B="]).as_json()
    assert mixed == {
        "deliver": [{"to": "self", "data": 1}, {"to": ["A=", "B="], "data": 1}],
        "close": ["A=", "B="],
    }


# Every one is valid JSON text that a client can send; the proxy passes it on byte for byte.
ODD_MESSAGES = {
    "string": '"hello"',
    "array": "[1]",
    "number": "5",
    "plain text": '{"text":"hello"}',
    "null": "null",
    "false": "false",
    "empty": '{"text":""}',
    "empty object": "{}",
    "128 KB": '"' + "x" * 131_070 + '"',
    "128 KB of quotes": '"' + '\\"' * 65_000 + '"',
    "99 deep": "[" * 99 + "]" * 99,
    "5,000 deep": "[" * 5_000 + "]" * 5_000,
    "65,000 deep": "[" * 65_000 + "]" * 65_000,
    "65,000 deep objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "brackets in a string": '["[[[[{{{{\\"[[", "]"]',
    "prototype": '{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}',
    "duplicate keys": '{"a":1,"a":2}',
    "NUL": '"\\u0000"',
    "lone surrogate": '"\\ud800"',
    "lone surrogate in a key": '{"\\udc00":"\\ud800x"}',
    "too large a number": "1e999",
    "too small a number": "-1e999",
    "10,000 digits": "9" * 10_000,
    "minus zero": "-0",
    "white space": ' \t\r\n{ "a" : [ 1 , 2 ] } \n',
    "non-ASCII": '"héllo 👋 \u2028 \x7f"',
    "an envelope": '{"v":1,"path":"/api/ws/disconnect","connection_id":"X=","event":"disconnect"}',
}


@pytest.mark.parametrize("name", ODD_MESSAGES)
def test_30_odd_messages_reach_the_application(start: Start, name: str) -> None:
    text = ODD_MESSAGES[name]
    application = start()
    application.backend.send(connect_request("C="))
    reply = application.backend.send(message_request("C=", text))
    assert reply.status == 200, reply.body
    json.loads(reply.body.decode(), parse_constant=pytest.fail)
    (message,) = application.seen.messages
    assert message.text == text.strip()
    if "e999" not in text and "digits" not in name and "000 deep" not in name:
        assert message.content == json.loads(text)
        assert reply.json["echo"] == json.loads(text)
    elif "deep" in name:
        assert message.content is None
    else:
        assert isinstance(message.content, float)
        assert reply.json["echo"] is None


def test_a_body_over_1_mib_is_413_and_never_read_further(start: Start) -> None:
    application = start()
    application.backend.send(connect_request("C="))
    fits = message_request("C=", '"' + "x" * (1024 * 1024 - 200) + '"')
    assert len(fits.body) <= 1024 * 1024
    assert application.backend.send(fits).status == 200
    for body in (b"x" * (1024 * 1024 + 1), iter([b"x" * 65_536] * 17)):
        reply = application.backend.http("POST", "/api/ws/message", body, fits.headers)
        assert (reply.status, reply.json) == (413, {"detail": "too large"})


def test_a_body_that_breaks_off_does_no_harm(start: Start) -> None:
    application = start()
    connection = http.client.HTTPConnection("127.0.0.1", application.backend.port, timeout=5)
    connection.putrequest("POST", "/api/ws/message")
    connection.putheader("content-length", "100")
    connection.endheaders(b"{")
    connection.close()
    assert application.backend.send(connect_request("C=")).status == 200


def test_every_refusal_is_the_same(start: Start) -> None:
    application = start()
    backend = application.backend
    good = message_request("C=", "{}")
    variants = [
        Signed(good.path, good.body, {}),
        Signed("/api/ws/disconnect", good.body, good.headers),
        Signed(good.path, good.body, {**good.headers, "x-connection-id": "D="}),
        Signed(good.path, good.body + b" ", good.headers),
        message_request("C=", "{}", timestamp=str(int(time.time()) - 310)),
        signed(good.path, good.body, "C=", keys=(b"z" * 32,)),
        signed(good.path, b"\xff", "C="),
        signed(good.path, b"[" * 65_000, "C="),
        signed(good.path, good.body.replace(b'"v": 1', b'"v": ' + b"[" * 200 + b"]" * 200), "C="),
    ]
    assert {(reply.status, reply.body) for reply in map(backend.send, variants)} == {
        (401, b'{"detail":"unauthorized"}')
    }
    assert backend.http("GET", "/api/ws/message").status == 405


def test_a_signed_envelope_of_another_version_is_422(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    application = start()
    for version in (2, True, False, None, "1", [1], 0):
        request = connect_request("C=", v=version, token="secret-token")
        reply = application.backend.send(request)
        assert (reply.status, reply.json) == (422, {"detail": "envelope not understood"}), version
    assert "secret-token" not in caplog.text


def test_keys_may_rotate(start: Start) -> None:
    application = start(signing_keys=f"{SECRET} {OLD_SECRET}")
    for keys in ((b"o" * 32,), (b"k" * 32, b"o" * 32), (b"k" * 32,)):
        request = connect_request("C=")
        assert application.backend.send(signed(request.path, request.body, "C=", keys=keys)).status == 200


def test_unsigned_requests_pass_only_when_allowed(start: Start) -> None:
    application = start(signing_keys="", allow_unsigned=True)
    request = connect_request("C=")
    bare = {"x-connection-id": "C="}
    assert application.backend.http("POST", request.path, request.body, bare).status == 200
    assert application.backend.http("POST", "/api/ws/message", request.body, bare).status == 401
    with_key = start(allow_unsigned=True)
    assert with_key.backend.http("POST", request.path, request.body, bare).status == 401


# A proxy in front that takes the prefix off, as nginx does, and a server that is told about it.
PREFIXES: list[tuple[str, dict[str, Any]]] = [
    ("FastAPI", {"root_path": "/prefix"}),
    ("uvicorn", {"uvicorn_settings": {"root_path": "/prefix"}}),
]


@pytest.mark.parametrize(("told", "settings"), PREFIXES, ids=[told for told, _ in PREFIXES])
def test_a_path_prefix_is_part_of_the_signed_path(start: Start, told: str, settings: dict[str, Any]) -> None:
    application = start(**settings)
    stripped = connect_request("C=", path="/prefix/api/ws/register")
    stripped.path = "/api/ws/register"
    assert application.backend.send(stripped).status == 200
    foreign = connect_request("C=", path="/other/api/ws/register")
    foreign.path = "/api/ws/register"
    assert application.backend.send(foreign).status == 401
    swapped = connect_request("C=", path="/prefix/api/ws/message")
    swapped.path = "/api/ws/register"
    assert application.backend.send(swapped).status == 401


def test_routers_and_applications_may_have_prefixes_too() -> None:
    ws = ShelfShack(authenticate=lambda *_: "user", on_message=lambda *_: None, signing_keys=SECRET)
    inner, outer = FastAPI(), FastAPI()
    inner.include_router(ws.router, prefix="/v1")
    outer.mount("/inner", inner)
    with serve(outer) as backend:
        assert backend.send(connect_request("C=", path="/inner/v1/api/ws/register")).status == 200
        short = connect_request("C=", path="/api/ws/register")
        short.path = "/inner/v1/api/ws/register"
        assert backend.send(short).status == 401


def test_register_path_may_have_templates(start: Start) -> None:
    application = start(register_path="/bookings/{booking_id}/{type}")
    request = connect_request("C=", path="/bookings/a%20b%2Bc/chat", type="chat", booking_id="a b+c")
    assert application.backend.send(request).status == 200
    other = connect_request("C=", path="/bookings/2/chat", type="chat", booking_id="2")
    other.path = "/bookings/1/chat"
    assert application.backend.send(other).status == 401


def test_endpoints_of_your_own_can_use_the_check() -> None:
    ws = ShelfShack(authenticate=lambda *_: "user", on_message=lambda *_: None, signing_keys=SECRET)
    app = FastAPI()

    @app.post("/own")
    async def own(request: SignedRequest = Depends(ws.verified)) -> dict[str, Any]:
        return {"message": request.fields["message"]}

    with serve(app) as backend:
        assert backend.send(message_request("C=", "[1]", path="/own")).json == {"message": [1]}
        assert backend.http("POST", "/own", b"{}").status == 401


def test_no_dependency_of_the_application_refuses_the_proxy() -> None:
    def refuse() -> None:
        raise HTTPException(401, "no user")

    ws = ShelfShack(authenticate=lambda *_: "user", on_message=lambda *_: {"a": 1}, signing_keys=SECRET)
    app = FastAPI(dependencies=[Depends(refuse)])
    app.include_router(ws.router, dependencies=[Depends(refuse)])
    app.get("/others")(lambda: None)
    with serve(app) as backend:
        assert backend.http("GET", "/others").status == 401
        assert backend.send(connect_request("C=")).status == 200
        assert backend.send(message_request("C=", "[1]")).json == {"a": 1}


def test_a_reply_that_is_no_json_is_named(start: Start) -> None:
    application = start(on_message=lambda *_: object())
    application.backend.send(connect_request("C="))
    assert application.backend.send(message_request("C=", "{}")).status == 500
    error = asyncio.run(_error_of(application))
    assert "on_message returned object" in str(error)


async def _error_of(application: Application) -> BaseException | None:
    request = message_request("C=", "{}")
    fields = json.loads(request.body)
    await application.ws.connections.add(Connection("C=", "chat", None, "user", None, 0.0))
    try:
        await application.ws._message(SignedRequest("msg_1", fields, "{}"))
    except TypeError as error:
        return error
    return None


def test_h_21_gone_is_not_believed_while_the_connection_is_opening(start: Start) -> None:
    application = start()
    application.backend.send(connect_request("C="))
    application.backend.send(disconnect_request("C=", "gone"))
    assert application.backend.send(message_request("C=", "{}")).status == 200
    assert application.backend.send(disconnect_request("C=", "client")).status == 200
    assert application.backend.send(message_request("C=", "{}")).status == 401
    assert application.seen.ended == ["C="]
