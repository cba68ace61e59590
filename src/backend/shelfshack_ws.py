"""WebSockets for a FastAPI application behind ShelfShack's WebSocket proxy.

The proxy (an AWS Lambda function behind an API Gateway WebSocket API) turns every event of a WebSocket
into an HTTP POST to this application. This file answers those requests:

    from shelfshack_ws import SELF, ShelfShack, deliver

    ws = ShelfShack(authenticate=authenticate, on_message=on_message)
    app.include_router(ws.router)

    async def authenticate(token, type, booking_id):
        user = user_id_of(token)
        return user if may_join(user, booking_id) else None     # None or False: 401, no connection

    async def on_message(connection, message):
        others = [c for c in await ws.connections_of(connection.booking_id) if c != connection]
        return deliver(others, message.content).to(SELF, {"type": "ack"})

A client may name a booking with every `type`, but the proxy requires a token only for `booking`, `chat` and
`notification`. Accepted connections are found by `connections_of(booking_id)`, so `authenticate` must check
`booking_id` whenever there is one, even for types that need no token.

Requests are signed with the key in the environment variable SIGNING_KEYS
(`shelfshack-ws outputs --for backend`). Needs Python 3.10 and FastAPI 0.92 or newer with pydantic 1.10 or 2;
`redis` and `boto3` only for the parts that use them. The file is yours from here on: read it, change it.
"""

from __future__ import annotations

__version__ = "0.1.0"

import asyncio
import base64
import binascii
import hashlib
import hmac
import importlib
import inspect
import json
import logging
import math
import os
import re
import secrets
import threading
import time
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

__all__ = [
    "ANSWER_LIFE_SECONDS",
    "CLAIM_SECONDS",
    "CONNECTION_LIFE_SECONDS",
    "SELF",
    "STILL_AT_WORK",
    "Answer",
    "AnswerStore",
    "Authenticate",
    "Connection",
    "ConnectionStore",
    "Deliver",
    "Initial",
    "MemoryAnswers",
    "MemoryConnections",
    "Message",
    "OnDisconnect",
    "OnMessage",
    "Pushed",
    "RedisAnswers",
    "RedisConnections",
    "RefusedError",
    "Reply",
    "ShelfShack",
    "SignedRequest",
    "Target",
    "close",
    "deliver",
    "read_keys",
    "verify",
]

CONNECTION_LIFE_SECONDS: Final = 2 * 3600 + 600  # API Gateway ends every connection after two hours
ANSWER_LIFE_SECONDS: Final = 600  # a timestamp is accepted for 300 s before and after its time
CLAIM_SECONDS: Final = 30  # longer than the proxy waits for any answer

_MAX_BODY_BYTES: Final = 1024 * 1024  # 128 KB of client text can grow six times when it is escaped
_MAX_FRAME_BYTES: Final = 128 * 1024  # API Gateway's limit
_MAX_NESTING: Final = 100
_MAX_ANSWERS_BYTES: Final = 16 * 1024 * 1024
_TOLERANCE_SECONDS: Final = 300
_OPENING_SECONDS: Final = 10  # a connection that is still opening answers 410 like one that is gone
_PUSHES_AT_ONCE: Final = 10
_GONE: Final = 410

_log = logging.getLogger("shelfshack_ws")


# --- What the application gets and returns ------------------------------------------------------------------


@dataclass(frozen=True)
class Connection:
    """One open WebSocket. `user` is what `authenticate` returned; `registered_at`: seconds since 1970."""

    id: str
    type: str = field(compare=False)
    booking_id: str | None = field(compare=False)
    user: Any = field(compare=False)
    callback_url: str | None = field(compare=False)
    registered_at: float = field(compare=False)
    query: dict[str, Any] = field(default_factory=dict, compare=False)

    def indexes(self) -> list[str]:
        """What a ConnectionStore finds it by: `booking:<id>`, `type:<type>`, `user:<user as JSON>`."""
        return _indexes(self.booking_id, self.type, self.user)


def _indexes(booking_id: str | None, type: str | None, user: Any) -> list[str]:
    booking = [] if booking_id is None else [f"booking:{booking_id}"]
    of_type = [] if type is None else [f"type:{type}"]
    return (
        booking
        + of_type
        + ([] if user is None else [f"user:{json.dumps(user, sort_keys=True, default=str)}"])
    )


@dataclass(frozen=True)
class Message:
    """A message of a client.

    `content` is the client's JSON, of any type; text that is not JSON arrives as `{"text": "..."}`. Numbers
    that do not fit become `inf`. JSON nested more than 100 levels deep is not read: `content` is None.
    `text` is always the client's JSON exactly as it was written. `id` stays the same when the proxy repeats
    a request.
    """

    id: str
    route_key: str
    content: Any
    text: str


SELF: Final = "self"
Target = str | Connection | Iterable[str | Connection]


class Deliver:
    """Which connections get which frame, and which are closed. Start with `deliver()` or `close()`."""

    def __init__(self) -> None:
        self._deliver: list[dict[str, Any]] = []
        self._close: list[str] = []

    def to(self, target: Target, frame: Any) -> Deliver:
        """Sends `frame` to SELF (the sender of the message), one connection or many."""
        ids = _ids(target)
        others = [one for one in ids if one != SELF]
        self._deliver += [{"to": SELF, "data": frame}] if SELF in ids else []
        self._deliver += [{"to": others, "data": frame}] if others else []
        return self

    def close(self, target: Target) -> Deliver:
        """Closes one connection or many, after the frames are sent."""
        self._close += _ids(target)
        return self

    def as_json(self) -> dict[str, Any]:
        """The directive as the proxy reads it; empty when nothing is to be sent or closed."""
        directive = {"deliver": self._deliver, "close": self._close}
        return {name: entries for name, entries in directive.items() if entries}


def deliver(target: Target, frame: Any) -> Deliver:
    """`return deliver(others, frame).to(SELF, {"type": "ack"})`"""
    return Deliver().to(target, frame)


def close(target: Target) -> Deliver:
    """`return close(connection).to(SELF, {"type": "bye"})`"""
    return Deliver().close(target)


def _ids(target: Target) -> list[str]:
    several = [target] if isinstance(target, str | Connection) else target
    return [one.id if isinstance(one, Connection) else one for one in several]


@dataclass
class Pushed:
    """The result of a push: the ids of its connections, each in one of the lists."""

    sent: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


Reply = Mapping[str, Any] | Deliver | None
Authenticate = Callable[[str | None, str, str | None], Any]
OnMessage = Callable[[Connection, Message], Reply | Awaitable[Reply]]
Initial = Callable[[Connection], Sequence[Any] | Awaitable[Sequence[Any]]]
OnDisconnect = Callable[[Connection], Awaitable[None] | None]


# --- The router ---------------------------------------------------------------------------------------------


class ShelfShack:
    """The application's side of the WebSocket proxy.

    The hooks are `def` or `async def`, and may raise HTTPException:

    * `authenticate(token, type, booking_id)` → the user, a small JSON value such as an id. None or False
      → 401. It must check `booking_id` for every type.
    * `on_message(connection, message)` → None, an object for the sender, or `deliver(...)` / `close(...)`.
    * `initial(connection)` → frames that the client gets as soon as it is connected.
    * `on_disconnect(connection)` → called once per connection that is known to have ended.

    `signing_keys` replaces the environment variable SIGNING_KEYS. Without keys the application does not
    start, unless `allow_unsigned=True`: then every sender can impersonate the proxy. Local use only.

    `connections` and `answers` remember things in this process's memory by default, which is right for one
    worker. Several workers share them: `connections=RedisConnections(redis), answers=RedisAnswers(redis)`.
    """

    def __init__(
        self,
        *,
        authenticate: Authenticate,
        on_message: OnMessage,
        initial: Initial | None = None,
        on_disconnect: OnDisconnect | None = None,
        signing_keys: str | None = None,
        allow_unsigned: bool = False,
        connections: ConnectionStore | None = None,
        answers: AnswerStore | None = None,
        register_path: str = "/api/ws/register",
        message_path: str = "/api/ws/message",
        disconnect_path: str = "/api/ws/disconnect",
    ) -> None:
        self._keys = read_keys(os.environ.get("SIGNING_KEYS", "") if signing_keys is None else signing_keys)
        if not self._keys and not allow_unsigned:
            raise ValueError(
                "SIGNING_KEYS is not set: `shelfshack-ws outputs --for backend` prints it; "
                "allow_unsigned=True does without, for local use"
            )
        if not self._keys:
            _log.warning("requests are not checked: no SIGNING_KEYS and allow_unsigned=True")
        self._authenticate, self._on_message = authenticate, on_message
        self._initial, self._on_disconnect = initial, on_disconnect
        self.connections: ConnectionStore = MemoryConnections() if connections is None else connections
        self.answers: AnswerStore = MemoryAnswers() if answers is None else answers
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self.router = APIRouter(include_in_schema=False)
        self.router.post(register_path)(self._endpoint(self._register))
        self.router.post(message_path)(self._endpoint(self._message))
        self.router.post(disconnect_path)(self._endpoint(self._disconnect))

    async def connections_of(
        self, booking_id: str | None = None, *, user: Any = None, type: str | None = None
    ) -> list[Connection]:
        """The open connections of a booking, a user or a type; of all that are given where several are."""
        wanted = _indexes(booking_id, type, user)
        found = await self.connections.find(wanted[0]) if wanted else []
        return [connection for connection in found if set(wanted) <= set(connection.indexes())]

    async def push(self, target: Target, frame: Any) -> Pushed:
        """Sends a frame without a client's message, e.g. from a background task or another endpoint.

        Needs boto3 and AWS credentials with the permission execute-api:ManageConnections. Connections that
        are gone are forgotten.
        """
        content = _json(frame)
        if len(content) > _MAX_FRAME_BYTES:
            limit = f"API Gateway's limit of {_MAX_FRAME_BYTES}"
            raise ValueError(f"a frame of {len(content)} bytes is over {limit}")
        pushed, turns = Pushed(), asyncio.Semaphore(_PUSHES_AT_ONCE)

        async def send(connection_id: str) -> None:
            async with turns:
                await self._push_one(connection_id, content, pushed)

        await asyncio.gather(*map(send, dict.fromkeys(_ids(target))))
        return pushed

    async def verified(self, request: Request) -> SignedRequest:
        """The signature check as a dependency for your own endpoints: `request = Depends(ws.verified)`.

        It reads the body itself, so such an endpoint must not declare one.
        """
        body = await _body(request)
        paths = _requested_paths(request.scope)
        try:
            if not self._keys:
                return _read_request(request.headers, body, paths)
            return verify(self._keys, request.headers, body, paths, time.time())
        except RefusedError as refused:
            _log.warning("rejected an unsigned request: %s", refused)
            raise HTTPException(401, "unauthorized") from None

    def _endpoint(
        self, work: Callable[[SignedRequest], Awaitable[Any]]
    ) -> Callable[..., Awaitable[Response]]:
        verified = Depends(self.verified)

        async def endpoint(signed: SignedRequest = verified) -> Response:
            status, body, headers = await self._once(signed, work)
            # Only the proxy and `shelfshack-ws backend check` see it: a rejected request does not get here.
            version = {"shelfshack-kit": __version__}
            return Response(body, status, {**version, **headers}, "application/json" if body else None)

        return endpoint

    async def _once(self, signed: SignedRequest, work: Callable[[SignedRequest], Awaitable[Any]]) -> Answer:
        """The proxy repeats a request whose answer was lost: the work is done once, the answer sent again."""
        # Disconnecting twice is harmless, and `gone` and `client` share one id although both count.
        if not signed.id or signed.fields.get("event") == "disconnect":
            return await _answer(work, signed)
        earlier = await self.answers.claim(signed.id)
        if earlier:
            return earlier
        answer = None
        try:
            answer = await _answer(work, signed)
            return answer
        finally:
            # After 429 and 5xx the proxy tries again under the same id and must find the work undone.
            final = answer is not None and answer.status != 429 and answer.status < 500
            await self.answers.finish(signed.id, answer if final else None)

    async def _register(self, signed: SignedRequest) -> Any:
        envelope = _parse(_ConnectEnvelope, signed)
        user = await _call(self._authenticate, envelope.token, envelope.type, envelope.booking_id)
        if user is None or user is False:
            raise HTTPException(401, "unauthorized")
        identity = (envelope.connection_id, envelope.type, envelope.booking_id, user)
        connection = Connection(*identity, envelope.callback_url, time.time(), envelope.query)
        await self.connections.add(connection)
        try:
            frames = await _call(self._initial, connection) if self._initial else []
        except BaseException:
            await self.connections.remove(connection.id)
            raise
        return {"success": True, "initial": frames} if frames else {"success": True}

    async def _message(self, signed: SignedRequest) -> Any:
        envelope = _parse(_MessageEnvelope, signed)
        connection = await self.connections.get(envelope.connection_id)
        if connection is None:
            # The proxy closes the connection, and the client connects again with its token.
            raise HTTPException(401, "unauthorized")
        message = Message(envelope.message_id, envelope.route_key, envelope.message, signed.message_text)
        reply = await _call(self._on_message, connection, message)
        if isinstance(reply, Deliver):
            return reply.as_json()
        if reply is None or isinstance(reply, Mapping):
            return reply
        raise TypeError(
            f"on_message returned {type(reply).__name__}; "
            "it may return a dict, deliver(...), close(...) or None"
        )

    async def _disconnect(self, signed: SignedRequest) -> Any:
        envelope = _parse(_DisconnectEnvelope, signed)
        connection = await self.connections.get(envelope.connection_id)
        if connection and envelope.reason == "gone":
            await self._gone(connection)
        elif connection:
            await self._ended(connection)
        return {"success": True}

    async def _gone(self, connection: Connection) -> None:
        if time.time() - connection.registered_at > _OPENING_SECONDS:
            await self._ended(connection)

    async def _ended(self, connection: Connection) -> None:
        removed = await self.connections.remove(connection.id)
        if removed and self._on_disconnect:
            await _call(self._on_disconnect, removed)

    async def _push_one(self, connection_id: str, content: bytes, pushed: Pushed) -> None:
        connection = await self.connections.get(connection_id)
        if connection is None:
            pushed.gone.append(connection_id)
            return
        try:
            await asyncio.to_thread(self._post, connection, content)
        except _GoneError:
            pushed.gone.append(connection_id)
            await self._gone(connection)
        except _PushError as error:
            _log.warning("push to %s failed: %s", connection_id, error)
            pushed.failed.append(connection_id)
        else:
            pushed.sent.append(connection_id)

    def _post(self, connection: Connection, content: bytes) -> None:
        if connection.callback_url is None:
            raise _PushError("the proxy named no callback_url")
        errors = importlib.import_module("botocore.exceptions")
        client = self._client(connection.callback_url)
        try:
            client.post_to_connection(ConnectionId=connection.id, Data=content)
        except (errors.BotoCoreError, errors.ClientError) as error:
            # By its status: the answer has no body, and the error's name is not in every answer's headers.
            status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise (_GoneError if status == _GONE else _PushError)(str(error)) from error

    def _client(self, callback_url: str) -> Any:
        """One boto3 client per stage: making one takes longer than using it."""
        with self._clients_lock:
            if callback_url not in self._clients:
                session = importlib.import_module("boto3.session").Session()
                config = importlib.import_module("botocore.config").Config(
                    connect_timeout=3, read_timeout=5, max_pool_connections=_PUSHES_AT_ONCE
                )
                named = re.search(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com", callback_url)
                region = named[1] if named else session.region_name or "us-east-1"
                self._clients[callback_url] = session.client(
                    "apigatewaymanagementapi", endpoint_url=callback_url, region_name=region, config=config
                )
            return self._clients[callback_url]


class _GoneError(Exception):
    """The connection does not exist any more."""


class _PushError(Exception):
    """AWS did not take the frame."""


# --- Stores: open connections, and answers already given ----------------------------------------------------


class ConnectionStore(Protocol):
    """Remembers open connections. Write your own to keep them elsewhere.

    `$disconnect` is best effort in API Gateway: forget a connection after CONNECTION_LIFE_SECONDS.
    """

    async def add(self, connection: Connection) -> None: ...
    async def get(self, connection_id: str) -> Connection | None: ...
    async def remove(self, connection_id: str) -> Connection | None:
        """Returns the connection to exactly one of several callers."""

    async def find(self, index: str) -> list[Connection]:
        """The connections that have `index` among their `indexes()`."""


class Answer(NamedTuple):
    """An endpoint's answer: its status, its body as JSON, and the headers that an HTTPException asked for."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


STILL_AT_WORK: Final = Answer(503, b'{"detail":"still at work"}')  # the proxy tries again while it has time


class AnswerStore(Protocol):
    """Makes sure that a request which arrives twice is worked on once. Write your own to share it elsewhere.

    An answer is remembered for ANSWER_LIFE_SECONDS.
    """

    async def claim(self, request_id: str) -> Answer | None:
        """None to the first caller, who does the work. The others wait and get its answer.

        After CLAIM_SECONDS without an answer they get STILL_AT_WORK.
        """

    async def finish(self, request_id: str, answer: Answer | None) -> None:
        """Ends a claim. None: there is no answer to remember, the next caller does the work."""


class MemoryConnections:
    """Connections in this process's memory: right for one worker. More workers need RedisConnections."""

    def __init__(
        self,
        life_seconds: float = CONNECTION_LIFE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life, self._clock = life_seconds, clock
        # In the order in which they expire.
        self._connections: dict[str, tuple[float, Connection, list[str]]] = {}
        self._index: dict[str, dict[str, Connection]] = {}

    async def add(self, connection: Connection) -> None:
        self._forget(connection.id)
        indexes = connection.indexes()
        self._connections[connection.id] = (self._clock() + self._life, connection, indexes)
        for index in indexes:
            self._index.setdefault(index, {})[connection.id] = connection
        self._expire()

    async def get(self, connection_id: str) -> Connection | None:
        self._expire()
        return self._connections[connection_id][1] if connection_id in self._connections else None

    async def remove(self, connection_id: str) -> Connection | None:
        self._expire()
        return self._forget(connection_id)

    async def find(self, index: str) -> list[Connection]:
        self._expire()
        return list(self._index.get(index, {}).values())

    def _forget(self, connection_id: str) -> Connection | None:
        if connection_id not in self._connections:
            return None
        # A user may have changed since: the indexes are those that the connection was added with.
        _, connection, indexes = self._connections.pop(connection_id)
        for index in indexes:
            del self._index[index][connection_id]
            if not self._index[index]:
                del self._index[index]
        return connection

    def _expire(self) -> None:
        now = self._clock()
        while self._connections and next(iter(self._connections.values()))[0] < now:
            self._forget(next(iter(self._connections)))


class MemoryAnswers:
    """Answers in this process's memory: right for one worker. More workers need RedisAnswers.

    When all of them hold more than 16 MiB, the oldest are forgotten before their time.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._clock, self._claim_seconds = clock, claim_seconds
        self._working: dict[str, asyncio.Future[None]] = {}
        self._answers: dict[str, tuple[float, Answer]] = {}  # in the order in which they expire
        self._bytes = 0

    async def claim(self, request_id: str) -> Answer | None:
        self._forget()
        until = time.monotonic() + self._claim_seconds
        while request_id in self._working:
            done, _ = await asyncio.wait([self._working[request_id]], timeout=until - time.monotonic())
            if not done:
                return STILL_AT_WORK
        if request_id in self._answers:
            return self._answers[request_id][1]
        self._working[request_id] = asyncio.get_running_loop().create_future()
        return None

    async def finish(self, request_id: str, answer: Answer | None) -> None:
        self._working.pop(request_id).set_result(None)
        if answer is not None:
            self._answers[request_id] = (self._clock() + ANSWER_LIFE_SECONDS, answer)
            self._bytes += _size(request_id, answer)
        self._forget()

    def _forget(self) -> None:
        now = self._clock()
        while self._answers:
            request_id, (expires, answer) = next(iter(self._answers.items()))
            if expires >= now and self._bytes <= _MAX_ANSWERS_BYTES:
                return
            del self._answers[request_id]
            self._bytes -= _size(request_id, answer)


def _size(request_id: str, answer: Answer) -> int:
    headers = sum(len(name) + len(value) for name, value in answer.headers.items())
    return len(request_id) + len(answer.body) + headers


class RedisConnections:
    """Connections in Redis, for any number of workers: `RedisConnections(redis.asyncio.from_url(...))`.

    Users must be JSON values. All keys share one hash tag, so a Redis Cluster works as well.
    """

    def __init__(
        self,
        redis: Any,
        prefix: str = "{shelfshack}:",
        life_seconds: int = CONNECTION_LIFE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis, self._prefix, self._life, self._clock = redis, prefix, life_seconds, clock

    def _key(self, connection_id: str) -> str:
        return f"{self._prefix}connection:{connection_id}"

    async def add(self, connection: Connection) -> None:
        expires = self._clock() + self._life
        async with self._redis.pipeline(transaction=True) as batch:
            batch.set(self._key(connection.id), json.dumps(asdict(connection)), ex=self._life)
            for index in connection.indexes():
                batch.zadd(self._prefix + index, {connection.id: expires})
                batch.expire(self._prefix + index, self._life)
            await batch.execute()

    async def get(self, connection_id: str) -> Connection | None:
        stored = await self._redis.get(self._key(connection_id))
        return Connection(**json.loads(stored)) if stored else None

    async def remove(self, connection_id: str) -> Connection | None:
        key = self._key(connection_id)
        async with self._redis.pipeline(transaction=True) as batch:
            stored, _ = await batch.get(key).delete(key).execute()
        connection = Connection(**json.loads(stored)) if stored else None
        for index in connection.indexes() if connection else ():
            await self._redis.zrem(self._prefix + index, connection_id)
        return connection

    async def find(self, index: str) -> list[Connection]:
        await self._redis.zremrangebyscore(self._prefix + index, "-inf", self._clock())
        ids = await self._redis.zrange(self._prefix + index, 0, -1)
        names = [one.decode() if isinstance(one, bytes) else one for one in ids]
        stored = await self._redis.mget([self._key(name) for name in names]) if names else []
        return [Connection(**json.loads(text)) for text in stored if text]


class RedisAnswers:
    """Answers in Redis, for any number of workers: `RedisAnswers(redis.asyncio.from_url(...))`."""

    def __init__(
        self,
        redis: Any,
        prefix: str = "{shelfshack}:",
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._redis, self._prefix, self._claim_seconds = redis, prefix, claim_seconds
        self._tokens: dict[str, str] = {}  # by request id: the claims of this worker

    def _key(self, request_id: str) -> str:
        return f"{self._prefix}answer:{request_id}"

    async def claim(self, request_id: str) -> Answer | None:
        key, token = self._key(request_id), f"{_WORKING}{secrets.token_hex(16)}"
        until = time.monotonic() + self._claim_seconds
        # The claim itself expires too, as its worker may have died; by then the proxy no longer asks.
        while request_id in self._tokens or not await self._redis.set(
            key, token, nx=True, ex=ANSWER_LIFE_SECONDS
        ):
            stored = await self._redis.get(key)
            text = stored.decode() if isinstance(stored, bytes) else stored
            if text and not text.startswith(_WORKING):
                return _stored_answer(text)
            if time.monotonic() > until:
                return STILL_AT_WORK
            await asyncio.sleep(0.05)
        self._tokens[request_id] = token
        return None

    async def finish(self, request_id: str, answer: Answer | None) -> None:
        stored = b"" if answer is None else _answer_to_store(answer)
        key, token = self._key(request_id), self._tokens.pop(request_id)
        await self._redis.eval(_FINISH, 1, key, token, stored, ANSWER_LIFE_SECONDS)


_WORKING: Final = "working:"  # an answer begins with its status
# A claim that has expired may belong to another worker by now, or be its answer: those are left alone.
_FINISH: Final = """
local held = redis.call("GET", KEYS[1])
if held and held ~= ARGV[1] then return end
if ARGV[2] == "" then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3]) end
"""


def _answer_to_store(answer: Answer) -> bytes:
    """The status in three digits, a line of headers where there are any, the body: JSON in one line."""
    headers = json.dumps(dict(answer.headers)) + "\n" if answer.headers else ""
    return f"{answer.status}{headers}".encode() + answer.body


def _stored_answer(text: str) -> Answer:
    headers, _, body = text[3:].rpartition("\n")
    return Answer(int(text[:3]), body.encode(), json.loads(headers or "{}"))


# --- The signature: is it the proxy's request? --------------------------------------------------------------

_ID = re.compile(r"msg_[A-Za-z0-9_+/=-]{1,160}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_SIGNATURE = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
_MARK = re.compile(r"[ \t\r\n]*([{}:,])[ \t\r\n]*")
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class RefusedError(Exception):
    """The request is not the proxy's. The reason goes to the log; the sender only reads `unauthorized`."""


@dataclass(frozen=True)
class SignedRequest:
    """A request of the proxy: its webhook-id, its fields, and the text of the field `message`."""

    id: str
    fields: dict[str, Any]
    message_text: str


def read_keys(text: str) -> list[bytes]:
    """Reads `whsec_...` or `whsec_...,whsec_...`. The errors never show a key."""
    keys = [_read_key(word) for word in re.split(r"[\s,]+", text) if word]
    if len(keys) > 2:
        raise ValueError(f"SIGNING_KEYS has {len(keys)} keys; one is normal, two while keys rotate")
    return keys


def _read_key(word: str) -> bytes:
    try:
        prefix, encoded = word[:6], word[6:]
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix != "whsec_" or not 24 <= len(key) <= 64:
        raise ValueError("SIGNING_KEYS: a key is `whsec_` and 24 to 64 bytes in base64")
    return key


def verify(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, paths: Collection[str], now: float
) -> SignedRequest:
    """The signature check: Standard Webhooks 1.0, plus path and connection id. Raises RefusedError only.

    `paths` are the spellings of the requested path, `now` is in seconds since 1970.
    """
    request_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not _ID.fullmatch(request_id) or not _TIMESTAMP.fullmatch(timestamp) or len(signatures) > 512:
        raise RefusedError("headers")
    if abs(now - int(timestamp)) > _TOLERANCE_SECONDS:
        raise RefusedError("timestamp")
    given = [match[1].encode() for match in map(_SIGNATURE.fullmatch, signatures.split(" ")[:4]) if match]
    signed, equal = f"{request_id}.{timestamp}.".encode() + body, False
    for key in keys:
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for signature in given:
            equal |= hmac.compare_digest(expected, signature)
    if not equal:
        raise RefusedError("signature")
    return _read_request(headers, body, paths)


def _read_request(headers: Mapping[str, str], body: bytes, paths: Collection[str]) -> SignedRequest:
    """Compares path and connection id with the body: the standard signs neither URL nor headers."""
    fields: dict[str, Any] = {}
    message_text = ""
    try:
        for key, value, text in _members(body.decode()):
            if key in fields:
                raise RefusedError("key twice")
            fields[key] = value
            message_text = text if key == "message" else message_text
    except (ValueError, RecursionError) as error:
        raise RefusedError("json") from error
    path, connection_id = fields.get("path"), fields.get("connection_id")
    if not isinstance(path, str) or path not in paths or not connection_id:
        raise RefusedError("path or connection id")
    if connection_id != headers.get("x-connection-id"):
        raise RefusedError("path or connection id")
    return SignedRequest(headers.get("webhook-id", ""), fields, message_text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    """Python refuses to read integers of more than 4,300 digits; JSON has no limit."""
    return int(text) if len(text) < 4300 else float(text)


_decode = json.JSONDecoder(parse_int=_integer, parse_constant=_no_constant).raw_decode


def _members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Key, value and text of every member of a JSON object; values nested too deeply are None."""
    mark, at = _mark(text, 0, "{")
    while mark != "}":
        key, at = _decode(text, at)
        if not isinstance(key, str):
            raise ValueError("a key is not a string")
        start = _mark(text, at, ":")[1]
        depth, at = _extent(text, start)
        value = None
        if depth <= _MAX_NESTING:
            value, at = _decode(text, start)
        yield key, value, text[start:at]
        mark, at = _mark(text, at, ",}")
    if at != len(text):
        raise ValueError("text after the object")


def _mark(text: str, at: int, expected: str) -> tuple[str, int]:
    match = _MARK.match(text, at)
    if match is None or match[1] not in expected:
        raise ValueError(f"expected {expected}")
    return match[1], match.end()


def _extent(text: str, at: int) -> tuple[int, int]:
    """How deep the array or object at `at` goes, and where it ends. Does not recurse; 0 for anything else."""
    depth = deepest = 0
    for token in _NESTING.finditer(text, at) if text[at : at + 1] in ("[", "{") else ():
        depth += (token[0] in "[{") - (token[0] in "]}")
        deepest = max(deepest, depth)
        if depth == 0:
            return deepest, token.end()
    return deepest, len(text)


def _requested_paths(scope: MutableMapping[str, Any]) -> set[str]:
    """Percent-encoded or not, with and without the prefix that a reverse proxy strips (`root_path`)."""
    paths = {scope["path"], scope.get("raw_path", b"").split(b"?")[0].decode("latin-1")} - {""}
    return paths | {scope.get("root_path", "").rstrip("/") + path for path in paths}


async def _body(request: Request) -> bytes:
    """The raw body, never more than _MAX_BODY_BYTES of it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                raise HTTPException(413, "too large")
    except ClientDisconnect as error:
        raise HTTPException(400, "incomplete") from error
    return bytes(body)


# --- The requests of the proxy ------------------------------------------------------------------------------


class _Client(BaseModel):
    """The client, as API Gateway saw it."""

    ip: str | None = None
    user_agent: str | None = None
    origin: str | None = None


class _Envelope(BaseModel):
    """The fields of every request."""

    v: Literal[1]
    path: str
    connection_id: str
    request_id: str | None = None


class _ConnectEnvelope(_Envelope):
    """`POST /api/ws/register`: a client wants to connect."""

    event: Literal["connect"]
    type: str
    booking_id: str | None = None
    token: str | None = None
    query: dict[str, Any] = {}
    client: _Client = _Client()
    connected_at: int | None = None
    callback_url: str | None


class _MessageEnvelope(_Envelope):
    """`POST /api/ws/message`: a connected client sent something."""

    event: Literal["message"]
    message_id: str
    route_key: str
    message: Any = None


class _DisconnectEnvelope(_Envelope):
    """`POST /api/ws/disconnect`: the client left, or a send found that it had."""

    event: Literal["disconnect"]
    reason: Literal["client", "gone"]
    code: int | None = None
    detail: str | None = None


_AnyEnvelope = TypeVar("_AnyEnvelope", bound=_Envelope)


def _parse(model: type[_AnyEnvelope], signed: SignedRequest) -> _AnyEnvelope:
    try:
        return model(**signed.fields)
    except ValidationError as error:
        # Only the places: the values may hold a token.
        _log.error("envelope and kit differ in version: %s", [entry["loc"] for entry in error.errors()])
        raise HTTPException(422, "envelope not understood") from None


async def _answer(work: Callable[[SignedRequest], Awaitable[Any]], signed: SignedRequest) -> Answer:
    try:
        answer = await work(signed)
    except HTTPException as error:
        return Answer(error.status_code, _json({"detail": error.detail}), error.headers or {})
    return Answer(200, _json(answer)) if answer else Answer(204, b"")


async def _call(hook: Callable[..., Any], *arguments: object) -> Any:
    """Like FastAPI: `async def` runs in the event loop, `def` in a thread."""
    if inspect.iscoroutinefunction(hook):
        return await hook(*arguments)
    result = await run_in_threadpool(hook, *arguments)
    return await result if inspect.isawaitable(result) else result


def _json(value: Any) -> bytes:
    """Clients may send `1e999` or half a surrogate pair; an echo of it must not fail here."""
    write = partial(json.dumps, allow_nan=False, separators=(",", ":"), default=jsonable_encoder)
    try:
        return write(value, ensure_ascii=False).encode()
    except ValueError:
        return write(_finite(value)).encode()


def _finite(value: Any) -> Any:
    """What has no JSON number becomes null, as in JavaScript."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
