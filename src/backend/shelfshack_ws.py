"""WebSockets for a FastAPI application behind ShelfShack's WebSocket proxy.

The proxy (one AWS Lambda function behind an API Gateway WebSocket API) turns every event of a
WebSocket into an HTTP POST to this application. This file answers those requests:

    from shelfshack_ws import ShelfShack

    ws = ShelfShack(authenticate=authenticate, on_message=on_message)
    app.include_router(ws.router)

    async def authenticate(token, type, booking_id):
        user = user_id_of(token)
        return user if may_join(user, booking_id) else None     # None or False: the handshake is refused with 401

    async def on_message(connection, message):
        others = [c for c in await ws.connections_of(connection.booking_id) if c != connection]
        return deliver(others, message.content).to(SELF, {"type": "ack"})

A client may name a booking with every `type`, and the proxy asks for a token only with `booking`, `chat` and
`notification`. What `authenticate` lets in is found by `connections_of(booking_id)`, so it must judge `booking_id`
whenever there is one, also where it lets people in without a token.

Requests are signed with the key in the environment variable SIGNING_KEYS (`shelfshack-ws outputs --for backend`).
Needs Python 3.10 and FastAPI 0.92 or newer with pydantic 1.10 or 2; `redis` and `boto3` only when their parts are used.
It is yours from here on: read it, change it.
"""

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
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
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
    "SELF",
    "Answer",
    "Connection",
    "ConnectionRegistry",
    "Deliver",
    "Message",
    "Pushed",
    "RedisConnectionRegistry",
    "ShelfShack",
    "close",
    "deliver",
]

MAX_BODY_BYTES: Final = 1024 * 1024  # 128 KB of client text can grow six times when it is escaped
MAX_FRAME_BYTES: Final = 128 * 1024  # API Gateway's limit
MAX_NESTING: Final = 100
TOLERANCE_SECONDS: Final = 300
REMEMBER_SECONDS: Final = 2 * TOLERANCE_SECONDS  # as long as a timestamp can be accepted
MAX_REMEMBERED_BYTES: Final = 16 * 1024 * 1024
CLAIM_SECONDS: Final = 30  # longer than the proxy waits for any answer
CONNECTION_LIFE_SECONDS: Final = 2 * 3600 + 600  # API Gateway ends every connection after two hours
OPENING_SECONDS: Final = 10  # a connection that is still opening answers 410 like one that is gone
AT_ONCE: Final = 10
GONE: Final = 410

log = logging.getLogger("shelfshack_ws")


# --- What the proxy sends ---------------------------------------------------------------------------------------------


class Client(BaseModel):
    """Who opened the connection, as API Gateway saw it."""

    ip: str | None = None
    user_agent: str | None = None
    origin: str | None = None


class Envelope(BaseModel):
    """The part that every request has."""

    v: Literal[1]
    path: str
    connection_id: str
    request_id: str | None = None


class ConnectEnvelope(Envelope):
    """`POST /api/ws/register`: somebody wants to connect."""

    event: Literal["connect"]
    type: str
    booking_id: str | None = None
    token: str | None = None
    query: dict[str, Any] = {}
    client: Client = Client()
    connected_at: int | None = None
    callback_url: str


class MessageEnvelope(Envelope):
    """`POST /api/ws/message`: a connected client sent something."""

    event: Literal["message"]
    message_id: str
    route_key: str
    message: Any = None


class DisconnectEnvelope(Envelope):
    """`POST /api/ws/disconnect`: the client left, or a send found that it had."""

    event: Literal["disconnect"]
    reason: Literal["client", "gone"]
    code: int | None = None
    detail: str | None = None


AnyEnvelope = TypeVar("AnyEnvelope", bound=Envelope)


@dataclass(frozen=True)
class Connection:
    """One open WebSocket. `user` is what `authenticate` returned; `registered_at` is in seconds since 1970."""

    id: str
    type: str = field(compare=False)
    booking_id: str | None = field(compare=False)
    user: Any = field(compare=False)
    callback_url: str = field(compare=False)
    registered_at: float = field(compare=False)
    query: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Message:
    """What a client sent.

    `content` is the client's JSON, of any type; text that is not JSON arrives as `{"text": "..."}`. Numbers that do
    not fit become `inf`. JSON nested more than 100 levels deep is not read: `content` is None. `text` is always the
    client's JSON exactly as it was written. `id` stays the same when the proxy has to repeat a request.
    """

    id: str
    route_key: str
    content: Any
    text: str


# --- What the application answers -------------------------------------------------------------------------------------

SELF: Final = "self"
Target = str | Connection | Iterable[str | Connection]


def _ids(target: Target) -> list[str]:
    several = [target] if isinstance(target, str | Connection) else target
    return [one.id if isinstance(one, Connection) else one for one in several]


class Deliver:
    """Who gets which frame, and which connections are closed afterwards. Start with `deliver()` or `close()`."""

    def __init__(self) -> None:
        self._deliver: list[dict[str, Any]] = []
        self._close: list[str] = []

    def to(self, target: Target, frame: Any) -> "Deliver":
        """Sends `frame` to SELF (the sender of the message), one connection or many."""
        ids = _ids(target)
        others = [one for one in ids if one != SELF]
        self._deliver += [{"to": SELF, "data": frame}] if SELF in ids else []
        self._deliver += [{"to": others, "data": frame}] if others else []
        return self

    def close(self, target: Target) -> "Deliver":
        """Closes one connection or many."""
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


Reply = Mapping[str, Any] | Deliver | None
Authenticate = Callable[[str | None, str, str | None], Any]
OnMessage = Callable[[Connection, Message], Reply | Awaitable[Reply]]
Initial = Callable[[Connection], Sequence[Any] | Awaitable[Sequence[Any]]]
OnDisconnect = Callable[[Connection], Awaitable[None] | None]


class Answer(NamedTuple):
    """What an endpoint answers: its status, its body as JSON, and the headers that an HTTPException asked for."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


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


# --- Who is asking: the signature -------------------------------------------------------------------------------------

_ID = re.compile(r"msg_[A-Za-z0-9_+/=-]{1,160}")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_SIGNATURE = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
_MARK = re.compile(r"[ \t\r\n]*([{}:,])[ \t\r\n]*")
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class RefusedError(Exception):
    """A request that the proxy did not make. The reason goes to the log; the stranger reads `unauthorized`, always."""


@dataclass(frozen=True)
class SignedRequest:
    """A request that comes from the proxy: its webhook-id, its fields, and the text of the field `message`."""

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
    """The signature check (Standard Webhooks 1.0, plus path and connection id). Raises nothing but RefusedError.

    `paths` are the ways to write the path that was requested, `now` is in seconds since 1970.
    """
    request_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not _ID.fullmatch(request_id) or not _TIMESTAMP.fullmatch(timestamp) or len(signatures) > 512:
        raise RefusedError("headers")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise RefusedError("timestamp")
    given = [match[1].encode() for match in map(_SIGNATURE.fullmatch, signatures.split(" ")[:4]) if match]
    signed, equal = f"{request_id}.{timestamp}.".encode() + body, False
    for key in keys:
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for signature in given:
            equal |= hmac.compare_digest(expected, signature)
    if not equal:
        raise RefusedError("signature")
    return read_request(headers, body, paths)


def read_request(headers: Mapping[str, str], body: bytes, paths: Collection[str]) -> SignedRequest:
    """The envelope in `body`, bound to its URL and connection: the standard signs neither path nor headers."""
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
    """Key, value and the value's own text of every member of a JSON object; values nested too deeply are None."""
    mark, at = _mark(text, 0, "{")
    while mark != "}":
        key, at = _decode(text, at)
        if not isinstance(key, str):
            raise ValueError("a key is not a string")
        start = _mark(text, at, ":")[1]
        depth, at = _extent(text, start)
        value = None
        if depth <= MAX_NESTING:
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
    """Percent-encoded or not, with and without the prefix that a proxy in front took off (FastAPI's `root_path`)."""
    paths = {scope["path"], scope.get("raw_path", b"").split(b"?")[0].decode("latin-1")} - {""}
    return paths | {scope.get("root_path", "").rstrip("/") + path for path in paths}


async def _body(request: Request) -> bytes:
    """The raw body, never more than MAX_BODY_BYTES of it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, "too large")
    except ClientDisconnect as error:
        raise HTTPException(400, "incomplete") from error
    return bytes(body)


# --- Who is connected -------------------------------------------------------------------------------------------------


class Registry(Protocol):
    """What ShelfShack has to remember. Write your own to keep it elsewhere."""

    async def add(self, connection: Connection) -> None: ...
    async def get(self, connection_id: str) -> Connection | None: ...
    async def remove(self, connection_id: str) -> Connection | None:
        """Returns the connection to exactly one of several callers."""

    async def find(self, index: str) -> list[Connection]:
        """`index` is `booking:<id>`, `type:<type>` or `user:<user as JSON>`."""

    async def claim(self, request_id: str) -> Answer | None:
        """None to the first who asks; the others wait for the first's answer and get it, or STILL_AT_WORK."""

    async def settle(self, request_id: str, answer: Answer | None) -> None:
        """Ends a claim. None: there was no answer to remember, the next one may try."""


STILL_AT_WORK: Final = Answer(503, b'{"detail":"still at work"}')  # the proxy asks again while it has time left


def _indexes(connection: Connection) -> list[str]:
    booking = [] if connection.booking_id is None else [f"booking:{connection.booking_id}"]
    return [*booking, f"type:{connection.type}", _user_index(connection.user)]


def _user_index(user: Any) -> str:
    return "user:" + json.dumps(user, sort_keys=True, default=str)


class ConnectionRegistry:
    """Connections in this process's memory: right for one worker. More workers need RedisConnectionRegistry.

    `$disconnect` is best effort in API Gateway, so a connection is also forgotten after 2 h 10 min. Answers are
    forgotten after 600 s, and the oldest earlier where all of them hold more than 16 MiB.
    """

    def __init__(
        self,
        life_seconds: float = CONNECTION_LIFE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._life, self._clock, self._claim_seconds = life_seconds, clock, claim_seconds
        self._connections: dict[str, tuple[float, Connection, list[str]]] = {}  # in the order in which they expire
        self._index: dict[str, dict[str, Connection]] = {}
        self._working: dict[str, asyncio.Future[None]] = {}
        self._answers: dict[str, tuple[float, Answer]] = {}  # in the order in which they expire
        self._answers_bytes = 0

    async def add(self, connection: Connection) -> None:
        self._forget(connection.id)
        indexes = _indexes(connection)
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

    async def claim(self, request_id: str) -> Answer | None:
        self._forget_answers()
        until = time.monotonic() + self._claim_seconds
        while request_id in self._working:
            done, _ = await asyncio.wait([self._working[request_id]], timeout=until - time.monotonic())
            if not done:
                return STILL_AT_WORK
        if request_id in self._answers:
            return self._answers[request_id][1]
        self._working[request_id] = asyncio.get_running_loop().create_future()
        return None

    async def settle(self, request_id: str, answer: Answer | None) -> None:
        self._working.pop(request_id).set_result(None)
        if answer is not None:
            self._answers[request_id] = (self._clock() + REMEMBER_SECONDS, answer)
            self._answers_bytes += _size(request_id, answer)
        self._forget_answers()

    def _forget_answers(self) -> None:
        now = self._clock()
        while self._answers:
            request_id, (expires, answer) = next(iter(self._answers.items()))
            if expires >= now and self._answers_bytes <= MAX_REMEMBERED_BYTES:
                return
            del self._answers[request_id]
            self._answers_bytes -= _size(request_id, answer)


def _size(request_id: str, answer: Answer) -> int:
    return len(request_id) + len(answer.body) + sum(len(name) + len(value) for name, value in answer.headers.items())


class RedisConnectionRegistry:
    """Connections in Redis, for any number of workers: `RedisConnectionRegistry(redis.asyncio.from_url(...))`.

    Users must be JSON values. All keys share one hash tag, so a Redis Cluster works as well.
    """

    def __init__(
        self,
        redis: Any,
        prefix: str = "{shelfshack}:",
        life_seconds: int = CONNECTION_LIFE_SECONDS,
        clock: Callable[[], float] = time.time,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._redis, self._prefix, self._life, self._clock = redis, prefix, life_seconds, clock
        self._claim_seconds = claim_seconds
        self._tokens: dict[str, str] = {}  # what this worker is at work on

    def _key(self, connection_id: str) -> str:
        return f"{self._prefix}connection:{connection_id}"

    async def add(self, connection: Connection) -> None:
        expires = self._clock() + self._life
        async with self._redis.pipeline(transaction=True) as batch:
            batch.set(self._key(connection.id), json.dumps(asdict(connection)), ex=self._life)
            for index in _indexes(connection):
                batch.zadd(self._prefix + index, {connection.id: expires})
                batch.expire(self._prefix + index, self._life)
            await batch.execute()

    async def get(self, connection_id: str) -> Connection | None:
        stored = await self._redis.get(self._key(connection_id))
        return Connection(**json.loads(stored)) if stored else None

    async def remove(self, connection_id: str) -> Connection | None:
        async with self._redis.pipeline(transaction=True) as batch:
            stored, _ = await batch.get(self._key(connection_id)).delete(self._key(connection_id)).execute()
        connection = Connection(**json.loads(stored)) if stored else None
        for index in _indexes(connection) if connection else ():
            await self._redis.zrem(self._prefix + index, connection_id)
        return connection

    async def find(self, index: str) -> list[Connection]:
        await self._redis.zremrangebyscore(self._prefix + index, "-inf", self._clock())
        ids = await self._redis.zrange(self._prefix + index, 0, -1)
        names = [one.decode() if isinstance(one, bytes) else one for one in ids]
        stored = await self._redis.mget([self._key(name) for name in names]) if names else []
        return [Connection(**json.loads(text)) for text in stored if text]

    async def claim(self, request_id: str) -> Answer | None:
        key, token = f"{self._prefix}answer:{request_id}", f"{_WORKING}{secrets.token_hex(16)}"
        until = time.monotonic() + self._claim_seconds
        # The claim itself ends in time as well, for its worker may be gone; then nobody asks any more.
        while request_id in self._tokens or not await self._redis.set(key, token, nx=True, ex=REMEMBER_SECONDS):
            stored = await self._redis.get(key)
            text = stored.decode() if isinstance(stored, bytes) else stored
            if text and not text.startswith(_WORKING):
                return _stored_answer(text)
            if time.monotonic() > until:
                return STILL_AT_WORK
            await asyncio.sleep(0.05)
        self._tokens[request_id] = token
        return None

    async def settle(self, request_id: str, answer: Answer | None) -> None:
        stored = b""
        if answer is not None:
            headers = json.dumps(dict(answer.headers)) + "\n" if answer.headers else ""
            stored = f"{answer.status}{headers}".encode() + answer.body
        key, token = f"{self._prefix}answer:{request_id}", self._tokens.pop(request_id)
        await self._redis.eval(_SETTLE, 1, key, token, stored, REMEMBER_SECONDS)


_WORKING: Final = "working:"  # an answer begins with its status
# A claim that has ended may be another worker's by now, or its answer: those are left alone.
_SETTLE: Final = """
local held = redis.call("GET", KEYS[1])
if held and held ~= ARGV[1] then return end
if ARGV[2] == "" then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3]) end
"""


def _stored_answer(text: str) -> Answer:
    """The status in three digits, a line of headers where there are any, the body, which is JSON in one line."""
    headers, _, body = text[3:].rpartition("\n")
    return Answer(int(text[:3]), body.encode(), json.loads(headers or "{}"))


# --- The router -------------------------------------------------------------------------------------------------------


@dataclass
class Pushed:
    """The connection ids of a push, by what became of each."""

    sent: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class ShelfShack:
    """The application's side of the WebSocket proxy. Hooks may be `def` or `async def`, and may raise HTTPException.

    * `authenticate(token, type, booking_id)` → the user, a small JSON value such as an id. None or False → 401. It must
      judge `booking_id` for every type.
    * `on_message(connection, message)` → None, an object for the sender, or `deliver(...)` / `close(...)`.
    * `initial(connection)` → frames that the client gets as soon as it is connected.
    * `on_disconnect(connection)` → once per connection that is known to have ended.

    `signing_keys` replaces the environment variable SIGNING_KEYS. Without keys the application does not start, unless
    `allow_unsigned=True`: then everybody who reaches this application can pretend to be anybody. Local use only.
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
        registry: Registry | None = None,
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
            log.warning("requests are not checked: no SIGNING_KEYS and allow_unsigned=True")
        self._authenticate, self._on_message = authenticate, on_message
        self._initial, self._on_disconnect = initial, on_disconnect
        self.registry: Registry = ConnectionRegistry() if registry is None else registry
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self.router = APIRouter(include_in_schema=False)
        self.router.post(register_path)(self._endpoint(self._register))
        self.router.post(message_path)(self._endpoint(self._message))
        self.router.post(disconnect_path)(self._endpoint(self._disconnect))

    async def verified(self, request: Request) -> SignedRequest:
        """The signature check as a dependency, for endpoints of your own: `request = Depends(ws.verified)`.

        It reads the body itself, so such an endpoint must not declare one.
        """
        body = await _body(request)
        paths = _requested_paths(request.scope)
        try:
            if not self._keys:
                return read_request(request.headers, body, paths)
            return verify(self._keys, request.headers, body, paths, time.time())
        except RefusedError as refused:
            log.warning("refused a request that is not the proxy's: %s", refused)
            raise HTTPException(401, "unauthorized") from None

    async def connections_of(
        self, booking_id: str | None = None, *, user: Any = None, type: str | None = None
    ) -> list[Connection]:
        """The open connections of a booking, of a user or of a type, or of the combination of what is given."""
        wanted = [] if booking_id is None else [f"booking:{booking_id}"]
        wanted += [] if user is None else [_user_index(user)]
        wanted += [] if type is None else [f"type:{type}"]
        found = await self.registry.find(wanted[0]) if wanted else []
        return [connection for connection in found if set(wanted) <= set(_indexes(connection))]

    async def push(self, target: Target, frame: Any) -> Pushed:
        """Sends a frame that no client message asked for, e.g. from a background task or another endpoint.

        Needs boto3 and AWS credentials with the permission execute-api:ManageConnections. Connections that are
        gone are forgotten.
        """
        content = _json(frame)
        if len(content) > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {len(content)} bytes is over API Gateway's limit of {MAX_FRAME_BYTES}")
        pushed, turn = Pushed(), asyncio.Semaphore(AT_ONCE)

        async def send(connection_id: str) -> None:
            async with turn:
                connection = await self.registry.get(connection_id)
                outcome = await asyncio.to_thread(self._post, connection, content) if connection else "gone"
            getattr(pushed, outcome).append(connection_id)
            if connection and outcome == "gone":
                await self._gone(connection)

        await asyncio.gather(*map(send, dict.fromkeys(_ids(target))))
        return pushed

    def _endpoint(self, answer: Callable[[SignedRequest], Awaitable[Any]]) -> Callable[..., Awaitable[Response]]:
        verified = Depends(self.verified)

        async def endpoint(signed: SignedRequest = verified) -> Response:
            status, body, headers = await self._once(signed, answer)
            return Response(body, status, headers, media_type="application/json" if body else None)

        return endpoint

    async def _once(self, signed: SignedRequest, work: Callable[[SignedRequest], Awaitable[Any]]) -> Answer:
        """The proxy repeats a request when an answer was lost: the work is done once, the answer given twice."""
        # Disconnecting twice is harmless, and `gone` and `client` share one id although both count.
        if not signed.id or signed.fields.get("event") == "disconnect":
            return await _answer(work, signed)
        earlier = await self.registry.claim(signed.id)
        if earlier:
            return earlier
        answer = None
        try:
            answer = await _answer(work, signed)
            return answer
        finally:
            # After 429 and 5xx the proxy tries again under the same id and must find the work undone.
            final = answer is not None and answer.status != 429 and answer.status < 500
            await self.registry.settle(signed.id, answer if final else None)

    async def _register(self, signed: SignedRequest) -> Any:
        envelope = _parse(ConnectEnvelope, signed)
        user = await _call(self._authenticate, envelope.token, envelope.type, envelope.booking_id)
        if user is None or user is False:
            raise HTTPException(401, "unauthorized")
        identity = (envelope.connection_id, envelope.type, envelope.booking_id, user)
        connection = Connection(*identity, envelope.callback_url, time.time(), envelope.query)
        await self.registry.add(connection)
        try:
            frames = await _call(self._initial, connection) if self._initial else []
        except BaseException:
            await self.registry.remove(connection.id)
            raise
        return {"success": True, "initial": frames} if frames else {"success": True}

    async def _message(self, signed: SignedRequest) -> Any:
        envelope = _parse(MessageEnvelope, signed)
        connection = await self.registry.get(envelope.connection_id)
        if connection is None:
            raise HTTPException(401, "unauthorized")  # the proxy closes it, and the client comes back with its token
        message = Message(envelope.message_id, envelope.route_key, envelope.message, signed.message_text)
        reply = await _call(self._on_message, connection, message)
        if isinstance(reply, Deliver):
            return reply.as_json()
        if reply is None or isinstance(reply, Mapping):
            return reply
        raise TypeError(
            f"on_message returned {type(reply).__name__}; it may return a dict, deliver(...), close(...) or None"
        )

    async def _disconnect(self, signed: SignedRequest) -> Any:
        envelope = _parse(DisconnectEnvelope, signed)
        connection = await self.registry.get(envelope.connection_id)
        if connection and envelope.reason == "gone":
            await self._gone(connection)
        elif connection:
            await self._ended(connection)
        return {"success": True}

    async def _gone(self, connection: Connection) -> None:
        if time.time() - connection.registered_at > OPENING_SECONDS:
            await self._ended(connection)

    async def _ended(self, connection: Connection) -> None:
        removed = await self.registry.remove(connection.id)
        if removed and self._on_disconnect:
            await _call(self._on_disconnect, removed)

    def _post(self, connection: Connection, content: bytes) -> Literal["sent", "gone", "failed"]:
        errors = importlib.import_module("botocore.exceptions")
        client = self._client(connection.callback_url)
        try:
            client.post_to_connection(ConnectionId=connection.id, Data=content)
        except (errors.BotoCoreError, errors.ClientError) as error:
            # By its status: the answer has no body, and the error's name is not in every answer's headers.
            if getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode") == GONE:
                return "gone"
            log.warning("push to %s failed: %s", connection.id, error)
            return "failed"
        return "sent"

    def _client(self, callback_url: str) -> Any:
        """One boto3 client per stage: making one takes longer than using it."""
        with self._clients_lock:
            if callback_url not in self._clients:
                session = importlib.import_module("boto3.session").Session()
                config = importlib.import_module("botocore.config").Config(
                    connect_timeout=3, read_timeout=5, max_pool_connections=AT_ONCE
                )
                named = re.search(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com", callback_url)
                region = named[1] if named else session.region_name or "us-east-1"
                self._clients[callback_url] = session.client(
                    "apigatewaymanagementapi", endpoint_url=callback_url, region_name=region, config=config
                )
            return self._clients[callback_url]


def _parse(model: type[AnyEnvelope], signed: SignedRequest) -> AnyEnvelope:
    try:
        return model(**signed.fields)
    except ValidationError as error:
        # Only the places: the values may hold a token.
        log.error(
            "the proxy and this file do not understand each other: %s", [entry["loc"] for entry in error.errors()]
        )
        raise HTTPException(422, "envelope not understood") from None


async def _answer(work: Callable[[SignedRequest], Awaitable[Any]], signed: SignedRequest) -> Answer:
    try:
        answer = await work(signed)
    except HTTPException as error:
        return Answer(error.status_code, _json({"detail": error.detail}), error.headers or {})
    return Answer(200, _json(answer)) if answer else Answer(204, b"")
