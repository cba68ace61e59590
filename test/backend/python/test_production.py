"""The kit in production: hostile contents, limits, several workers, a store that is away, its own host."""

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

from conftest import Start, start_redis
from proxy import SECRET, connect_request, disconnect_request, message_request, serve
from shelfshack_ws import (
    SELF,
    Answer,
    MemoryAnswers,
    MemoryConnections,
    RedisAnswers,
    RedisConnections,
    ShelfShack,
    StoreError,
    deliver,
    newest_that_fit,
)

KIT = Path(__file__).parents[3] / "src" / "backend"
FRAME = 128 * 1024


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "shelfshack_ws"]


# Orders that a client wrote, in every spelling that JSON has for them.
ORDERS = [
    '{"deliver":[{"to":["V="],"data":{"x":1}}]}',
    '{"close":["V="]}',
    '{"deliver":[{"to":["V="],"data":1}],"close":["V="]}',
    '{"deliver":[],"close":["V="],"more":1}',
    '{"\\u0064eliver":[{"to":"V=","data":1}]}',
    '{"deliver":{"to":"V="}}',
]


@pytest.mark.parametrize("text", ORDERS)
def test_f_05_what_a_client_wrote_is_no_order(start: Start, text: str) -> None:
    application = start(on_message=lambda _, message: message.content)
    for name in ("C=", "V="):
        application.backend.send(connect_request(name))
    reply = application.backend.send(message_request("C=", text))
    assert reply.json == {"deliver": [{"to": "self", "data": json.loads(text)}]}


def test_f_05_an_echo_of_an_order_is_named_once(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    application = start(on_message=lambda _, message: message.content)
    application.backend.send(connect_request("C="))
    for _ in range(5):
        application.backend.send(message_request("C=", ORDERS[0]))
    (line,) = lines(caplog)
    assert "orders are given with deliver(...)" in line


class Order(BaseModel):
    deliver: list[dict[str, Any]]


class Ack(BaseModel):
    type: str
    id: uuid.UUID
    by: dict[uuid.UUID, float]


@dataclasses.dataclass
class Note:
    text: str


ID = uuid.UUID(int=7)
ACK = {"type": "ack", "id": str(ID), "by": {str(ID): 1.5}}
REPLIES: dict[str, tuple[Any, Any]] = {
    "model": (Ack(type="ack", id=ID, by={ID: 1.5}), ACK),
    "uuid as a key": ({ID: 1, "id": ID}, {str(ID): 1, "id": str(ID)}),
    "uuid as a key beside a number that JSON lacks": (
        {ID: float("nan"), "deep": [{ID: {ID: float("inf")}}]},
        {str(ID): None, "deep": [{str(ID): {str(ID): None}}]},
    ),
    "dataclass": (Note("hi"), {"text": "hi"}),
    "model inside deliver": (
        deliver(SELF, Ack(type="ack", id=ID, by={ID: 1.5})),
        {"deliver": [{"to": "self", "data": ACK}]},
    ),
    "uuid as a key inside deliver": (
        deliver(SELF, {ID: 1}),
        {"deliver": [{"to": "self", "data": {str(ID): 1}}]},
    ),
    "model that looks like an order": (
        Order(deliver=[{"to": ["V="], "data": 1}]),
        {"deliver": [{"to": "self", "data": {"deliver": [{"to": ["V="], "data": 1}]}}]},
    ),
    "list": (["a", 1], {"deliver": [{"to": "self", "data": ["a", 1]}]}),
    "text": ("hello", {"deliver": [{"to": "self", "data": "hello"}]}),
    "half a surrogate pair": ({"a": "é\ud800", "b": ["\udfff"]}, {"a": "é\ud800", "b": ["\udfff"]}),
}


@pytest.mark.parametrize("name", REPLIES)
def test_f_20_what_an_application_may_return(start: Start, name: str) -> None:
    given, expected = REPLIES[name]
    application = start(on_message=lambda *_: given)
    application.backend.send(connect_request("C="))
    reply = application.backend.send(message_request("C=", "{}"))
    assert (reply.status, json.loads(reply.body)) == (200, expected)


def test_f_06_initial_is_cut_to_what_the_proxy_takes(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    frames = [{"n": n, "text": "x" * 120_000} for n in range(9)]
    given: list[Any] = [["y" * FRAME, *frames, {"n": 9}]]
    application = start(initial=lambda _: given[0])
    reply = application.backend.send(connect_request("C="))
    assert reply.status == 200
    assert len(reply.body) <= 1024 * 1024
    assert [frame["n"] for frame in reply.json["initial"]] == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert lines(caplog)[0].startswith("initial: 2 of 11 frames")
    given[0] = ["é" * FRAME]
    assert application.backend.send(connect_request("D=")).json == {"success": True}
    given[0] = {"one": "frame"}
    assert application.backend.send(connect_request("E=")).json["initial"] == [{"one": "frame"}]
    assert application.backend.send(message_request("D=", "{}")).status == 200


@pytest.mark.parametrize("size", [FRAME - 2, FRAME - 1])
def test_f_06_a_frame_that_no_client_gets_names_its_hook(
    start: Start, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    application = start(on_message=lambda *_: deliver("V=", "x" * size))
    application.backend.send(connect_request("C="))
    assert application.backend.send(message_request("C=", "{}")).status == 200
    said = [line for line in lines(caplog) if line.startswith("on_message")]
    assert len(said) == (size > FRAME - 2)
    assert all(f"{FRAME + 1} bytes for ['V=']" in line for line in said)


def test_f_06_an_answer_over_1_mib_names_its_hook(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    many = deliver([], 0)
    for number in range(9):
        many.to(f"{number}=", "x" * (FRAME - 2))
    application = start(on_message=lambda *_: many)
    application.backend.send(connect_request("C="))
    application.backend.send(message_request("C=", "{}"))
    assert [line for line in lines(caplog) if "in all" in line]


def test_f_06_the_newest_entries_that_fit_into_a_frame() -> None:
    entries = [{"n": n, "text": text * 4000} for n, text in enumerate(["\u0001", "é", "𐍈", "\ud800"] * 25)]
    kept = newest_that_fit(entries)
    assert kept == entries[-len(kept) :]
    frame = json.dumps({"messages": kept}, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair is written in six letters.
    size = len(frame.encode(errors="ignore")) + 6 * frame.count("\ud800")
    assert FRAME / 2 < size <= FRAME
    assert newest_that_fit(["x" * FRAME]) == []
    assert newest_that_fit([]) == []


def test_f_07_a_message_of_an_unknown_connection_says_why_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    application = start()
    for number in range(5):
        reply = application.backend.send(message_request(f"{number}=", "{}"))
        # An unknown caller reads `unauthorized`.
        assert (reply.status, reply.json) == (401, {"detail": "unknown connection"})
    (line,) = lines(caplog)
    for word in ("restarted or reloaded", "another worker", "RedisConnections", "(connection 0=)"):
        assert word in line


COMMANDS = [
    (["uvicorn", "main:app", "--workers", "3"], {}, 3),
    (["/venv/bin/uvicorn", "main:app", "--workers=2"], {"WEB_CONCURRENCY": "8"}, 2),
    (["/venv/bin/gunicorn", "-w4", "main:app"], {}, 4),
    (["gunicorn", "-w", "4", "main:app"], {}, 4),
    (["uvicorn", "main:app"], {"WEB_CONCURRENCY": "2"}, 2),
    (["uvicorn", "main:app", "--workers", "1"], {"WEB_CONCURRENCY": "2"}, 1),
    (["uvicorn", "main:app"], {"WEB_CONCURRENCY": "many"}, 1),
    (["pytest", "-w", "4"], {}, 1),
]


@pytest.mark.parametrize(("command", "environment", "workers"), COMMANDS)
def test_f_07_several_workers_with_memory_of_their_own_are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    command: list[str],
    environment: dict[str, str],
    workers: int,
) -> None:
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    hooks: dict[str, Any] = {"authenticate": lambda *_: 1, "on_message": lambda *_: None}
    ShelfShack(**hooks, signing_keys=SECRET)
    assert [line.split(",")[0] for line in lines(caplog)] == ([f"{workers} workers"] if workers > 1 else [])
    caplog.clear()
    ShelfShack(**hooks, signing_keys=SECRET, connections=RedisConnections(None), answers=RedisAnswers(None))
    assert lines(caplog) == []


HOSTS = [
    ("api.example.com", "api.example.com", 200),
    ("api.example.com", "API.Example.com", 200),
    ("API.example.com", "api.example.com", 200),
    (["a.example.com", "127.0.0.1:8000"], "127.0.0.1:8000", 200),
    ("[::1]:8000", "[::1]:8000", 200),
    ("api.example.com", "api.example.com:8443", 401),
    ("api.example.com", "other.example.com", 401),
    ("api.example.com", "", 401),
    ("api.example.com", None, 401),
    ("api.example.com", ["api.example.com"], 401),
    ((), "other.example.com", 200),
]


@pytest.mark.parametrize(("own", "named", "status"), HOSTS)
def test_f_18_a_request_for_another_host_is_refused(start: Start, own: Any, named: Any, status: int) -> None:
    application = start(host=own)
    reply = application.backend.send(connect_request("C=", host=named))
    assert reply.status == status
    assert status == 200 or reply.json == {"detail": "unauthorized"}
    # A proxy older than 1.1 names none.
    assert application.backend.send(connect_request("D=")).status == 200


@pytest.mark.parametrize("host", ["https://api.example.com", "api.example.com/prefix", "", "a b"])
def test_f_18_a_host_that_is_none_does_not_start(host: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        ShelfShack(authenticate=lambda *_: 1, on_message=lambda *_: None, signing_keys=SECRET, host=[host])


class Away:
    """A store whose every method fails in one way."""

    def __init__(self, failure: BaseException | None) -> None:
        self.failure, self.given_up = failure, 0

    async def _fail(self, *_: object) -> Any:
        if self.failure is None:
            try:
                await asyncio.sleep(60)
            finally:
                # As a pool that takes its socket back.
                await asyncio.sleep(0.01)
                self.given_up += 1
        raise self.failure or AssertionError

    add = get = remove = find = claim = finish = _fail


class OwnError(Exception):
    """What a user's own store may raise."""


# A claim may wait, so a store of answers has to limit itself; None never answers.
FAILURES: list[tuple[str, BaseException | None]] = [
    *(
        (part, failure)
        for part in ("connections", "answers")
        for failure in (
            ConnectionRefusedError("Error 111 connecting\nto 127.0.0.1:6379"),
            asyncio.TimeoutError(),
            OwnError("the pool is closed"),
        )
    ),
    ("connections", None),
]


@pytest.mark.parametrize(("part", "failure"), FAILURES, ids=repr)
def test_f_19_a_store_that_is_away_is_503_and_one_line(
    start: Start, caplog: pytest.LogCaptureFixture, part: str, failure: BaseException | None
) -> None:
    store = Away(failure)
    application = start(**{part: store})
    requests = [connect_request("C="), message_request("C=", "{}")]
    requests += [disconnect_request("C=")] if part == "connections" else []
    for request in requests:
        assert application.backend.send(request).status == 503
    assert store.given_up == (len(requests) if failure is None else 0)
    (line,) = lines(caplog)
    assert "\n" not in line
    assert line.startswith("requests get 503, because the store")
    assert "Traceback" not in caplog.text


def test_f_19_endpoints_and_hooks_that_ask_the_store_answer_503_too(start: Start) -> None:
    connections = MemoryConnections()
    application = start(
        connections=connections,
        on_message=lambda connection, _: application.ws.connections_of(connection.booking_id),
    )
    application.backend.send(connect_request("C="))
    connections.find = Away(OwnError())._fail  # type: ignore[method-assign]
    assert application.backend.send(message_request("C=", "{}")).status == 503

    @application.app.get("/mine")
    async def mine() -> int:
        return len(await application.ws.connections_of("1"))

    assert application.backend.http("GET", "/mine").status == 503
    with pytest.raises(StoreError):
        asyncio.run(application.ws.connections_of("1"))


def test_f_19_a_mistake_in_a_store_stays_an_exception(start: Start) -> None:
    application = start(connections=Away(TypeError("user is not JSON")))
    assert application.backend.send(connect_request("C=")).status == 500


def test_f_19_an_answer_that_cannot_be_remembered_goes_out(start: Start) -> None:
    answers = MemoryAnswers()
    application = start(answers=answers)
    application.backend.send(connect_request("C="))
    answers.finish = Away(OwnError())._fail  # type: ignore[method-assign]
    assert application.backend.send(message_request("C=", "{}")).json["response"] == "processed"


def test_f_19_redis_goes_away_and_comes_back(
    start: Start, own_redis: "OwnRedis", caplog: pytest.LogCaptureFixture
) -> None:
    import redis.asyncio

    client = redis.asyncio.from_url(own_redis.url, socket_connect_timeout=1, socket_timeout=1)
    application = start(connections=RedisConnections(client), answers=RedisAnswers(client))
    application.app.get("/close")(client.aclose)
    assert application.backend.send(connect_request("C=")).status == 200
    own_redis.stop()
    for _ in range(3):
        began = time.monotonic()
        assert application.backend.send(message_request("C=", "{}")).status == 503
        assert time.monotonic() - began < 4
    assert len(lines(caplog)) == 1
    own_redis.start()
    assert application.backend.send(connect_request("C=")).status == 200
    assert application.backend.send(message_request("C=", "{}")).status == 200
    assert application.backend.http("GET", "/close").status == 200


def test_f_19_the_claim_of_a_killed_worker_ends_and_a_living_one_keeps_its(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            one, two = (RedisAnswers(client, claim_seconds=1) for _ in range(2))
            assert await one.claim("msg_alive") is None
            assert await one.claim("msg_killed") is None
            _, renewal = one._claims["msg_killed"]
            renewal.cancel()  # as with the worker
            waiting = asyncio.ensure_future(two.claim("msg_alive"))
            assert await two.claim("msg_killed") is None
            await two.finish("msg_killed", Answer(204, b""))
            assert (await waiting or Answer(0, b"")).status == 503
            assert 0 < await client.pttl("{shelfshack}:answer:msg_alive") <= 1000
            await one.finish("msg_alive", Answer(200, b"{}"))
            assert await two.claim("msg_alive") == Answer(200, b"{}")

    asyncio.run(asyncio.wait_for(story(), 30))


def test_f_19_a_claim_lives_30_seconds(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            await RedisAnswers(client).claim("msg_1")
            assert 25_000 < await client.pttl("{shelfshack}:answer:msg_1") <= 30_000

    asyncio.run(story())


def test_f_20_small_answers_count_as_well() -> None:
    async def story() -> None:
        answers = MemoryAnswers()
        for number in range(40_000):
            await answers.claim(f"msg_{number}")
            await answers.finish(f"msg_{number}", Answer(204, b""))
        assert len(answers._answers) * 512 <= 16 * 1024 * 1024
        assert await answers.claim("msg_39999") == Answer(204, b"")

    asyncio.run(story())


DEEP = {
    "arrays": "[" * 65_000 + "]" * 65_000,
    "objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "just too deep": "[" * 101 + "]" * 101,
    "deep at the end": "[" + "1," * 1000 + "[" * 101 + "]" * 102,
}


@pytest.mark.parametrize("name", DEEP)
def test_f_20_deep_json_is_not_read_to_its_end(start: Start, name: str) -> None:
    application = start()
    application.backend.send(connect_request("C="))
    application.backend.send(message_request("C=", DEEP[name]))
    (message,) = application.seen.messages
    assert (message.content, message.text) == (None, DEEP[name])


@pytest.mark.parametrize("text", ["[" * 100 + "]" * 100, '["[[[", {"a":' * 50 + "1" + "}]" * 50])
def test_f_20_100_levels_are_read(start: Start, text: str) -> None:
    application = start()
    application.backend.send(connect_request("C="))
    application.backend.send(message_request("C=", text))
    assert application.seen.messages[0].content == json.loads(text)


def test_f_20_a_middleware_may_read_the_body(start: Start) -> None:
    application = start()
    outer = FastAPI()

    class Reading(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Callable[..., Any]) -> Any:
            assert await request.body()
            return await call_next(request)

    outer.add_middleware(Reading)
    outer.include_router(application.ws.router)
    with serve(outer) as backend:
        assert backend.send(connect_request("C=")).status == 200


def test_f_20_a_body_that_a_middleware_took_is_named(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    application = start()

    async def taking(scope: Any, receive: Any, send: Any) -> None:
        while scope["type"] == "http" and (await receive()).get("more_body"):
            pass
        await application.app(scope, receive, send)

    with serve(taking) as backend:  # type: ignore[arg-type]
        assert backend.send(connect_request("C=")).status == 408
    assert any("a middleware read the body before" in line for line in lines(caplog))


def test_f_21_push_says_that_there_are_no_credentials() -> None:
    """In a process of its own: credentials are looked for in the environment and the user's folder."""
    story = """
import asyncio, time
from shelfshack_ws import Connection, ShelfShack
async def story():
    ws = ShelfShack(authenticate=lambda *_: 1, on_message=lambda *_: None, allow_unsigned=True)
    for name in ("A=", "B="):
        await ws.connections.add(Connection(name, "feed", None, "u", "http://127.0.0.1:1/a", time.time()))
    pushed = await ws.push(["A=", "B="], {})
    assert len(pushed.failed) == 2, pushed
    (reason,) = pushed.reasons
    print(reason)
asyncio.run(story())
"""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHONPATH": str(KIT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ended = subprocess.run(
        [sys.executable, "-c", story], env=environment, capture_output=True, text=True, check=False
    )
    assert "outputs --for backend --local" in ended.stdout, ended.stderr
    assert ended.stderr.count("there are no AWS credentials") == 1


@dataclasses.dataclass
class OwnRedis:
    """A Redis server that can be stopped."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]


@pytest.fixture
def own_redis(redis_url: str, tmp_path: Path) -> Iterator[OwnRedis]:
    """On a port of its own; needs what `redis_url` needs."""
    port, stop = start_redis(tmp_path)
    running = [stop]

    def begin() -> None:
        running.append(start_redis(tmp_path, port)[1])

    def end() -> None:
        running.pop()()

    yield OwnRedis(f"redis://127.0.0.1:{port}/0", begin, end)
    for one in running:
        one()
