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

Only `deliver(...)` and `close(...)` give orders. Anything else that `on_message` returns goes to the sender,
even if it looks like an order: a client's own words never reach another client by being sent back.

A client may name a booking with every `type`, but the proxy requires a token only for `booking`, `chat` and
`notification`. Accepted connections are found by `connections_of(booking_id)`, so `authenticate` must check
`booking_id` whenever there is one, even for types that need no token.

Requests are signed with the key in the environment variable SIGNING_KEYS
(`shelfshack-ws outputs --for backend --out backend.env`). Needs Python 3.10 and FastAPI 0.107 or newer with
pydantic 1.10 or 2; `redis` and `boto3` only for the parts that use them. The file is yours from here on: read
it, change it.

* Several workers, or `--reload` without losing connections: `RedisConnections` and `RedisAnswers`. In memory
  each process knows only the clients that connected to it.
* `await ws.push(connections, frame)` sends without a client's message. It needs `pip install boto3` and AWS
  credentials with `execute-api:ManageConnections`; for a local AWS they are in what
  `outputs --for backend --local --out backend.env` writes.
* `host="api.example.com"` refuses requests that the proxy signed for another host. What was answered is
  remembered for 600 s by `webhook-id`, in memory until a restart: a recorded request can then be sent again
  until it is 300 s old. `RedisAnswers` remembers over a restart.
"""

from __future__ import annotations

__version__ = "0.1.0"

import asyncio
import base64
import binascii
import hmac
import importlib
import inspect
import json
import logging
import math
import os
import re
import secrets
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

import starlette
from fastapi import APIRouter, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

__all__ = [
    "ANSWER_LIFE_SECONDS",
    "CLAIM_SECONDS",
    "CONNECTION_LIFE_SECONDS",
    "MAX_FRAME_BYTES",
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
    "StoreError",
    "Target",
    "close",
    "deliver",
    "newest_that_fit",
    "read_keys",
    "verify",
]

CONNECTION_LIFE_SECONDS: Final = 2 * 3600 + 600  # API Gateway ends every connection after two hours
ANSWER_LIFE_SECONDS: Final = 600  # a timestamp is accepted for 300 s before and after its time
CLAIM_SECONDS: Final = 30  # longer than the proxy waits for any answer
MAX_FRAME_BYTES: Final = 128 * 1024  # API Gateway's limit: a longer frame reaches no client

_MAX_BODY_BYTES: Final = 1024 * 1024  # 128 KB of client text can grow six times when it is escaped
_MAX_ANSWER_BYTES: Final = 1024 * 1024  # the proxy reads no more of an answer
_MAX_INITIAL_BYTES: Final = _MAX_ANSWER_BYTES - 4096  # the proxy adds a little when it passes the frames on
_MAX_NESTING: Final = 100
_MAX_ANSWERS_BYTES: Final = 16 * 1024 * 1024
_ENTRY_BYTES: Final = 512  # what a remembered answer takes beside its content
_STORE_SECONDS: Final = 2  # the proxy waits 5 s for the answer to a handshake
_BODY_SECONDS: Final = 4
_SILENT_SECONDS: Final = 60  # the same line is logged once in this time
_TOLERANCE_SECONDS: Final = 300
_OPENING_SECONDS: Final = 10  # a connection that is still opening answers 410 like one that is gone
_PUSHES_AT_ONCE: Final = 10
_GONE: Final = 410
_FORBIDDEN: Final = 403

_log = logging.getLogger("shelfshack_ws")
_Found = TypeVar("_Found")


async def _within(seconds: float | None, work: Awaitable[_Found]) -> _Found:
    """`asyncio.wait_for`, which makes a task of everything, with a clock only for what has to wait.

    What is in this process's memory does not, nor a body that has come with its headers: a clock would cost
    more than the work.
    """
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(work, seconds)
    steps = work.__await__()
    try:
        awaited = next(steps)
    except StopIteration as done:
        return done.value
    async with asyncio.timeout(seconds):
        return await _Begun(steps, awaited)


class _Begun(Awaitable[_Found]):
    """What has been run up to its first wait, for the future `awaited`. Awaiting it runs the rest."""

    def __init__(self, steps: Generator[Any, None, _Found], awaited: Any) -> None:
        self._steps, self._awaited = steps, awaited

    def __await__(self) -> Generator[Any, None, _Found]:
        try:
            yield self._awaited
        except BaseException as error:
            return (yield from self._thrown(error))
        return (yield from self._steps)

    def _thrown(self, error: BaseException) -> Generator[Any, None, _Found]:
        """What it does about an error may wait, too."""
        try:
            awaited = self._steps.throw(error)
        except StopIteration as done:
            found: _Found = done.value
            return found
        return (yield from _Begun(self._steps, awaited).__await__())


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


def newest_that_fit(entries: Iterable[Any], room: int = MAX_FRAME_BYTES - 1024) -> list[Any]:
    """The last of `entries` that fit into one frame together, in their order: a history of any length.

    `room` is in bytes; by default 1 KB is left for the rest of the frame.
    """
    kept: list[Any] = []
    for entry in reversed(list(entries)):
        room -= len(_json(entry)) + 1
        if room < 0:
            break
        kept.append(entry)
    return kept[::-1]


@dataclass
class Pushed:
    """The result of a push: the ids of its connections, each in one of the lists, and why some failed."""

    sent: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


Reply = Any  # deliver(...), close(...), None for nothing, or what the sender gets: JSON or a pydantic model
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
    * `on_message(connection, message)` → None, `deliver(...)` / `close(...)`, or JSON (or a pydantic model)
      for the sender. A frame over 128 KB is not delivered; all of an answer must fit into 1 MiB.
    * `initial(connection)` → frames that the client gets as soon as it is connected: at most 128 KB each and
      1 MiB together, what does not fit is left out. `newest_that_fit` cuts a history to one frame.
    * `on_disconnect(connection)` → called once per connection that is known to have ended.

    `signing_keys` replaces the environment variable SIGNING_KEYS. Without keys the application does not
    start, unless `allow_unsigned=True`: then every sender can impersonate the proxy. Local use only.

    The endpoints of `router` run none of the application's dependencies, neither those of `FastAPI(...)` nor
    those of `include_router(...)`: the proxy calls them, and its signature is what lets it in.

    `host` is the host of the backend's URL, or several: `api.example.com`, with the port where it is not the
    protocol's own. Requests that are signed for another host are refused then.

    `connections` and `answers` remember things in this process's memory by default, which is right for one
    worker. Several workers share them: `connections=RedisConnections(redis), answers=RedisAnswers(redis)`.
    When a store does not answer, requests get 503, and the proxy tries again while it has time.
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
        host: str | Collection[str] = (),
        connections: ConnectionStore | None = None,
        answers: AnswerStore | None = None,
        register_path: str = "/api/ws/register",
        message_path: str = "/api/ws/message",
        disconnect_path: str = "/api/ws/disconnect",
    ) -> None:
        self._keys = read_keys(os.environ.get("SIGNING_KEYS", "") if signing_keys is None else signing_keys)
        if not self._keys and not allow_unsigned:
            raise ValueError(
                "SIGNING_KEYS is not set: `shelfshack-ws outputs --for backend --out backend.env` writes it; "
                "allow_unsigned=True does without, for local use"
            )
        if not self._keys:
            _log.warning("requests are not checked: no SIGNING_KEYS and allow_unsigned=True")
        self._hosts = _read_hosts([host] if isinstance(host, str) else host)
        self._authenticate, self._on_message = authenticate, on_message
        self._initial, self._on_disconnect = initial, on_disconnect
        self.connections: ConnectionStore = MemoryConnections() if connections is None else connections
        self.answers: AnswerStore = MemoryAnswers() if answers is None else answers
        self._said: dict[str, float] = {}  # when a line was logged
        for line in _surroundings(isinstance(self.connections, MemoryConnections), self.answers):
            _log.warning(line)
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self.router = APIRouter(include_in_schema=False)
        # Starlette's routes: FastAPI's would look for parameters and dependencies in each request.
        # They are tried in this order, and most requests are messages.
        for path, work in (
            (message_path, self._message),
            (register_path, self._register),
            (disconnect_path, self._disconnect),
        ):
            self.router.add_route(path, self._endpoint(work), ["POST"], include_in_schema=False)

    async def connections_of(
        self, booking_id: str | None = None, *, user: Any = None, type: str | None = None
    ) -> list[Connection]:
        """The open connections of a booking, a user or a type; of all that are given where several are."""
        wanted = _indexes(booking_id, type, user)
        found = await self._stored(self.connections.find(wanted[0])) if wanted else []
        return [connection for connection in found if set(wanted) <= set(connection.indexes())]

    async def push(self, target: Target, frame: Any) -> Pushed:
        """Sends a frame without a client's message, e.g. from a background task or another endpoint.

        Needs boto3 and AWS credentials with the permission execute-api:ManageConnections; for a local AWS
        `shelfshack-ws outputs --for backend --local --out backend.env` writes some. What is missing is in
        `reasons` and in the log. Connections that are gone are forgotten.
        """
        content = _json(frame)
        if len(content) > MAX_FRAME_BYTES:
            limit = f"API Gateway's limit of {MAX_FRAME_BYTES}"
            raise ValueError(f"a frame of {len(content)} bytes is over {limit}")
        pushed, turns = Pushed(), asyncio.Semaphore(_PUSHES_AT_ONCE)

        async def send(connection_id: str) -> None:
            async with turns:
                await self._push_one(connection_id, content, pushed)

        await asyncio.gather(*map(send, dict.fromkeys(_ids(target))))
        for reason in pushed.reasons:
            _log.warning("push: %d frames were not sent: %s", len(pushed.failed), reason)
        return pushed

    async def verified(self, request: Request) -> SignedRequest:
        """The signature check as a dependency for your own endpoints: `request = Depends(ws.verified)`.

        It reads the body itself, so such an endpoint must not declare one.
        """
        body = await self._body(request)
        paths = _requested_paths(request.scope)
        try:
            if not self._keys:
                return _read_request(request.headers, body, paths, self._hosts)
            return verify(self._keys, request.headers, body, paths, time.time(), hosts=self._hosts)
        except RefusedError as refused:
            words = str(refused)
            reason = "no signature by a key of this backend" if words == "signature" else words
            _log.warning("rejected a request: %s", reason)
            raise HTTPException(401, "unauthorized") from None

    async def _body(self, request: Request) -> bytes:
        try:
            return await _within(_BODY_SECONDS, _read_body(request))
        except asyncio.TimeoutError:
            self._say(
                logging.WARNING,
                f"a request's body did not arrive within {_BODY_SECONDS} s: its sender is slow, or a "
                "middleware read the body before; a middleware that reads it must hand it on",
            )
            raise HTTPException(408, "incomplete") from None

    def _say(self, level: int, line: str, detail: object = "") -> None:
        """Logs a line, but not again and again: what causes it often lasts."""
        now = time.monotonic()
        if now - self._said.get(line, -math.inf) < _SILENT_SECONDS:
            return
        self._said[line] = now
        _log.log(level, "%s%s", line, detail)

    async def _stored(self, work: Awaitable[_Found], seconds: float | None = _STORE_SECONDS) -> _Found:
        """What a store says. Its failures become StoreError (503), mistakes in its code do not."""
        try:
            return await _within(seconds, work)
        except Exception as error:
            if isinstance(error, _MISTAKES) and not isinstance(error, OSError):
                raise
            words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._say(
                logging.ERROR,
                "requests get 503, because the store of connections or answers does not answer",
                f" ({words})",
            )
            raise StoreError from error

    def _endpoint(
        self, work: Callable[[SignedRequest], Awaitable[bytes]]
    ) -> Callable[..., Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            signed = await self.verified(request)
            status, body, headers = await self._once(signed, work)
            # Only the proxy and `shelfshack-ws backend check` see it: a rejected request does not get here.
            version = {"shelfshack-kit": __version__}
            return Response(body, status, {**version, **headers}, "application/json" if body else None)

        return endpoint

    async def _once(self, signed: SignedRequest, work: Callable[[SignedRequest], Awaitable[bytes]]) -> Answer:
        """The proxy repeats a request whose answer was lost: the work is done once, the answer sent again."""
        # Disconnecting twice is harmless, and `gone` and `client` share one id although both count.
        if not signed.id or signed.fields.get("event") == "disconnect":
            return await _answer(work, signed)
        try:
            earlier = await self._stored(self.answers.claim(signed.id), None)
        except StoreError as error:
            return _refusal(error)
        if earlier:
            return earlier
        answer = None
        try:
            answer = await _answer(work, signed)
            return answer
        finally:
            # After 429 and 5xx the proxy tries again under the same id and must find the work undone.
            final = answer is not None and answer.status != 429 and answer.status < 500
            # The work is done, so its answer goes out even where it cannot be remembered.
            with suppress(StoreError):
                await self._stored(self.answers.finish(signed.id, answer if final else None))

    async def _register(self, signed: SignedRequest) -> bytes:
        envelope = _parse(_ConnectEnvelope, signed)
        user = await _call(self._authenticate, envelope.token, envelope.type, envelope.booking_id)
        if user is None or user is False:
            raise HTTPException(401, "unauthorized")
        identity = (envelope.connection_id, envelope.type, envelope.booking_id, user)
        connection = Connection(*identity, envelope.callback_url, time.time(), envelope.query)
        await self._stored(self.connections.add(connection))
        try:
            frames = _initial_frames(await _call(self._initial, connection)) if self._initial else []
        except BaseException:
            await self._stored(self.connections.remove(connection.id))
            raise
        return b'{"success":true%s}' % (b',"initial":[' + b",".join(frames) + b"]" if frames else b"")

    async def _message(self, signed: SignedRequest) -> bytes:
        envelope = _parse(_MessageEnvelope, signed)
        connection = await self._stored(self.connections.get(envelope.connection_id))
        if connection is None:
            self._say(
                logging.WARNING,
                "a message of a connection that is not known here got 401; its client is told to connect "
                f"again. {_causes_of_unknown(self.connections)}",
                f" (connection {envelope.connection_id})",
            )
            # The proxy closes the connection, and the client connects again with its token.
            raise HTTPException(401, "unknown connection")
        message = Message(envelope.message_id, envelope.route_key, envelope.message, signed.message_text)
        reply = await _call(self._on_message, connection, message)
        if isinstance(reply, Mapping) and not _ORDERS.isdisjoint(reply):
            self._say(
                logging.WARNING,
                "on_message returned an object with deliver or close: it goes to the sender as it is; "
                "orders are given with deliver(...) and close(...)",
            )
        return _reply_content(reply)

    async def _disconnect(self, signed: SignedRequest) -> bytes:
        envelope = _parse(_DisconnectEnvelope, signed)
        connection = await self._stored(self.connections.get(envelope.connection_id))
        if connection and envelope.reason == "gone":
            await self._gone(connection)
        elif connection:
            await self._ended(connection)
        return b'{"success":true}'

    async def _gone(self, connection: Connection) -> None:
        if time.time() - connection.registered_at > _OPENING_SECONDS:
            await self._ended(connection)

    async def _ended(self, connection: Connection) -> None:
        removed = await self._stored(self.connections.remove(connection.id))
        if removed and self._on_disconnect:
            await _call(self._on_disconnect, removed)

    async def _push_one(self, connection_id: str, content: bytes, pushed: Pushed) -> None:
        connection = await self._stored(self.connections.get(connection_id))
        if connection is None:
            pushed.gone.append(connection_id)
            return
        try:
            await asyncio.to_thread(self._post, connection, content)
        except _GoneError:
            pushed.gone.append(connection_id)
            await self._gone(connection)
        except _PushError as error:
            pushed.failed.append(connection_id)
            if str(error) not in pushed.reasons:
                pushed.reasons.append(str(error))
        else:
            pushed.sent.append(connection_id)

    def _post(self, connection: Connection, content: bytes) -> None:
        if connection.callback_url is None:
            raise _PushError("the proxy named no callback_url")
        try:
            errors = importlib.import_module("botocore.exceptions")
            importlib.import_module("boto3.session")
        except ImportError as error:
            raise _PushError("boto3 is not installed: pip install boto3") from error
        try:
            client = self._client(connection.callback_url)
            client.post_to_connection(ConnectionId=connection.id, Data=content)
        except (errors.NoCredentialsError, errors.PartialCredentialsError) as error:
            raise _PushError(_NO_CREDENTIALS) from error
        except (errors.BotoCoreError, errors.ClientError) as error:
            # By its status: the answer has no body, and the error's name is not in every answer's headers.
            status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == _GONE:
                raise _GoneError from error
            raise _PushError(f"{error}{_NO_RIGHT if status == _FORBIDDEN else ''}") from error

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


_NO_CREDENTIALS: Final = (
    "there are no AWS credentials: for a local AWS set the variables that "
    "`shelfshack-ws outputs --for backend --local --out backend.env` writes; "
    "on AWS give the backend a role with execute-api:ManageConnections"
)
_NO_RIGHT: Final = (
    "; the backend's credentials need execute-api:ManageConnections for this API, in its account and region"
)


# --- Stores: open connections, and answers already given ----------------------------------------------------


class StoreError(HTTPException):
    """A store does not answer. In an endpoint, also one of your own, it becomes the status 503."""

    def __init__(self) -> None:
        super().__init__(503, "the store of connections does not answer")


# What these mean is a mistake in a store's code, not that something is away.
_MISTAKES: Final = (TypeError, ValueError, AttributeError, NameError, LookupError, AssertionError, StoreError)


class ConnectionStore(Protocol):
    """Remembers open connections. Write your own to keep them elsewhere.

    What its methods raise, and more than 2 s without an answer, is answered with 503.
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
        # In the order in which they expire. The first of a dict is found slowly where others stood before it.
        self._connections: OrderedDict[str, tuple[float, Connection, list[str]]] = OrderedDict()
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

    When all of them take more than 16 MiB, the oldest are forgotten before their time.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._clock, self._claim_seconds = clock, claim_seconds
        self._working: dict[str, asyncio.Future[None]] = {}
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()  # as they expire
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
    return _ENTRY_BYTES + len(request_id) + len(answer.body) + headers


class RedisConnections:
    """Connections in Redis, for any number of workers: `RedisConnections(redis.asyncio.from_url(...))`.

    Users must be JSON values. All keys share one hash tag, so a Redis Cluster works as well. Give `from_url`
    a `socket_connect_timeout` and a `socket_timeout`: without them a Redis that is away holds connections.
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
    """Answers in Redis, for any number of workers: `RedisAnswers(redis.asyncio.from_url(...))`.

    A claim lives for `claim_seconds` and is renewed while its worker is alive. When the worker is killed, the
    claim ends by itself, and the next repeat does the work.
    """

    def __init__(
        self,
        redis: Any,
        prefix: str = "{shelfshack}:",
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._redis, self._prefix, self._claim_seconds = redis, prefix, claim_seconds
        self._claims: dict[str, tuple[str, asyncio.Task[None]]] = {}  # of this worker, by request id

    def _key(self, request_id: str) -> str:
        return f"{self._prefix}answer:{request_id}"

    async def claim(self, request_id: str) -> Answer | None:
        key, token = self._key(request_id), f"{_WORKING}{secrets.token_hex(16)}"
        # A little longer than a claim lives: when its worker was killed, this one gets it.
        until = time.monotonic() + self._claim_seconds + 0.5
        life = int(self._claim_seconds * 1000)
        while request_id in self._claims or not await _soon(self._redis.set(key, token, nx=True, px=life)):
            stored = await _soon(self._redis.get(key))
            text = stored.decode() if isinstance(stored, bytes) else stored
            if text and not text.startswith(_WORKING):
                return _stored_answer(text)
            if time.monotonic() > until:
                return STILL_AT_WORK
            await asyncio.sleep(0.05)
        self._claims[request_id] = token, asyncio.create_task(self._renew(key, token, life))
        return None

    async def _renew(self, key: str, token: str, life: int) -> None:
        """Keeps a claim, but no longer than an answer would be remembered."""
        until = time.monotonic() + ANSWER_LIFE_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(self._claim_seconds / 3)
            with suppress(Exception):
                if not await _soon(self._redis.eval(_RENEW, 1, key, token, life)):
                    return

    async def finish(self, request_id: str, answer: Answer | None) -> None:
        stored = b"" if answer is None else _answer_to_store(answer)
        token, renewal = self._claims.pop(request_id)
        renewal.cancel()
        await _soon(self._redis.eval(_FINISH, 1, self._key(request_id), token, stored, ANSWER_LIFE_SECONDS))


async def _soon(call: Awaitable[_Found]) -> _Found:
    return await _within(_STORE_SECONDS, call)


_WORKING: Final = "working:"  # an answer begins with its status
# A claim that has expired may belong to another worker by now, or be its answer: those are left alone.
_FINISH: Final = """
local held = redis.call("GET", KEYS[1])
if held and held ~= ARGV[1] then return end
if ARGV[2] == "" then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3]) end
"""
_RENEW: Final = """
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end
return 0
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
_BLANKS = " \t\r\n"
_MARK = re.compile(r"[ \t\r\n]*([{}:,])[ \t\r\n]*")
# Strings, arrays and objects that hold no others, and single brackets.
_NESTING = re.compile(r""""[^"\\]*(?:\\.[^"\\]*)*"|[\[{][^\[\]{}"]*[\]}]|[\[\]{}]""")
_HOST = re.compile(r"[a-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?")


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


def _read_hosts(words: Collection[str]) -> frozenset[str]:
    hosts = frozenset(word.lower() for word in words)
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"host: {host!r} is not a host such as api.example.com or 127.0.0.1:8000")
    return hosts


def verify(
    keys: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    paths: Collection[str],
    now: float,
    *,
    hosts: Collection[str] = (),
) -> SignedRequest:
    """The signature check: Standard Webhooks 1.0, plus path and connection id. Raises RefusedError only.

    `paths` are the spellings of the requested path, `now` is in seconds since 1970. `hosts` are the backend's
    own names in small letters; without any the host is not compared.
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
        expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
        for signature in given:
            equal |= hmac.compare_digest(expected, signature)
    if not equal:
        raise RefusedError("signature")
    return _read_request(headers, body, paths, hosts)


def _read_request(
    headers: Mapping[str, str], body: bytes, paths: Collection[str], hosts: Collection[str]
) -> SignedRequest:
    """Compares host, path and connection id with the body: the standard signs neither URL nor headers."""
    try:
        text = body.decode()
        fields, message_text = _message_fields(text) or _all_fields(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError("json") from error
    path, connection_id = fields.get("path"), fields.get("connection_id")
    if not isinstance(path, str) or path not in paths or not connection_id:
        raise RefusedError("path or connection id")
    if connection_id != headers.get("x-connection-id"):
        raise RefusedError("path or connection id")
    # A proxy older than 1.1 names no host.
    host = fields.get("host")
    if hosts and "host" in fields and not (isinstance(host, str) and host.lower() in hosts):
        raise RefusedError(f"host: it is for {str(host)[:100]!r}")
    return SignedRequest(headers.get("webhook-id", ""), fields, message_text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    """Python refuses to read integers of more than 4,300 digits; JSON has no limit."""
    return int(text) if len(text) < 4300 else float(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("key twice")
    return fields


_decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_no_constant)
_decode = _decoder.raw_decode
_unique_decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_unique)


def _message_fields(text: str) -> tuple[dict[str, Any], str] | None:
    """A message's envelope, and the text of its last field `message`, read by Python's own parser.

    What comes before `message` is valid with a brace behind it only where `message` is a member of the
    envelope itself. None for everything that is unusual: `_all_fields` decides then.
    """
    head, mark, rest = text.partition(',"message":')
    if not mark or rest[-1:] != "}" or text.count("[") + text.count("{") > _MAX_NESTING:
        return None
    message_text = rest[:-1].strip(_BLANKS)
    try:
        fields: dict[str, Any] = _unique_decoder.decode(head + "}")
        message = _decoder.decode(message_text)
    except ValueError:
        return None
    if not fields or "message" in fields:
        return None
    return {**fields, "message": message}, message_text


def _all_fields(text: str) -> tuple[dict[str, Any], str]:
    fields: dict[str, Any] = {}
    message_text = ""
    for key, value, text_of_value in _members(text):
        if key in fields:
            raise RefusedError("key twice")
        fields[key] = value
        message_text = text_of_value if key == "message" else message_text
    return fields, message_text


def _members(text: str) -> Iterator[tuple[str, Any, str]]:
    """Key, value and text of every member of a JSON object; values nested too deeply are None."""
    mark, at = _mark(text, 0, "{")
    while mark != "}":
        key, at = _decode(text, at)
        if not isinstance(key, str):
            raise ValueError("a key is not a string")
        start = _mark(text, at, ":")[1]
        if not _is_deep(text, start):
            value, at = _decode(text, start)
        elif key == "message":
            # It comes last, so the end of the envelope is its end.
            value, at = None, len(text.rstrip(_BLANKS).removesuffix("}").rstrip(_BLANKS))
        else:
            raise ValueError("nested too deeply")
        yield key, value, text[start:at]
        mark, at = _mark(text, at, ",}")
    if at != len(text):
        raise ValueError("text after the object")


def _mark(text: str, at: int, expected: str) -> tuple[str, int]:
    match = _MARK.match(text, at)
    if match is None or match[1] not in expected:
        raise ValueError(f"expected {expected}")
    return match[1], match.end()


def _is_deep(text: str, at: int) -> bool:
    """Whether the array or object at `at` is nested too deeply to be read. Ends where that is known."""
    depth = 0
    for match in _NESTING.finditer(text, at) if text[at : at + 1] in ("[", "{") else ():
        token = match[0]
        depth += (token[0] in "[{") - (token[-1] in "]}")
        if depth + (len(token) > 1 and token[0] != '"') > _MAX_NESTING:
            return True
        if depth == 0:
            return False
    return False


def _requested_paths(scope: MutableMapping[str, Any]) -> set[str]:
    """Percent-encoded or not, with and without the prefix that a reverse proxy strips (`root_path`)."""
    paths = {scope["path"], scope.get("raw_path", b"").split(b"?")[0].decode("latin-1")} - {""}
    return paths | {scope.get("root_path", "").rstrip("/") + path for path in paths}


async def _read_body(request: Request) -> bytes:
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
    callback_url: str | None = None


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
        # In Python True equals 1.
        return model(
            **{**signed.fields, "v": None if signed.fields.get("v") is True else signed.fields.get("v")}
        )
    except ValidationError as error:
        # Only the places: the values may hold a token.
        _log.error("envelope and kit differ in version: %s", [entry["loc"] for entry in error.errors()])
        raise HTTPException(422, "envelope not understood") from None


async def _answer(work: Callable[[SignedRequest], Awaitable[bytes]], signed: SignedRequest) -> Answer:
    try:
        content = await work(signed)
    except HTTPException as error:
        return _refusal(error)
    return Answer(200, content) if content else Answer(204, b"")


def _refusal(error: HTTPException) -> Answer:
    return Answer(error.status_code, _json({"detail": error.detail}), error.headers or {})


_ORDERS: Final = frozenset({"deliver", "close"})
_ORDER_KEYS: Final = tuple(b'"%s"' % word.encode() for word in _ORDERS)


def _reply_content(reply: Reply) -> bytes:
    """The answer to a message; empty when nothing is to be sent."""
    if isinstance(reply, Deliver):
        content = _directive_content(reply)
    else:
        frame = b"{}" if reply is None else _reply_frame("the sender", reply)
        # Only kept as it is where it cannot be read as an order.
        is_plain = frame.startswith(b"{") and not any(key in frame for key in _ORDER_KEYS)
        content = frame if is_plain else b'{"deliver":[{"to":"self","data":%s}]}' % frame
    if len(content) > _MAX_ANSWER_BYTES:
        limit = f"the proxy reads {_MAX_ANSWER_BYTES}: no part of it is delivered"
        _log.error("on_message returned %d bytes in all, and %s", len(content), limit)
    return b"" if content == b"{}" else content


def _directive_content(reply: Deliver) -> bytes:
    directive = reply.as_json()
    entries = [
        b'{"to":%s,"data":%s}' % (_json(one["to"]), _reply_frame(one["to"], one["data"]))
        for one in directive.get("deliver", [])
    ]
    parts = [b'"deliver":[%s]' % b",".join(entries)] if entries else []
    parts += [b'"close":%s' % _json(directive["close"])] if "close" in directive else []
    return b"{%s}" % b",".join(parts)


def _encoded(hook: str, frame: Any) -> bytes:
    try:
        return _json(frame)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{hook} returned {type(frame).__name__}, which is not JSON: {error}") from error


def _reply_frame(target: object, frame: Any) -> bytes:
    """A frame as JSON. One that is too long for any client is named in the log, with its hook."""
    content = _encoded("on_message", frame)
    if len(content) > MAX_FRAME_BYTES:
        words = f"{len(content)} bytes for {str(target)[:200]}"
        _log.error("on_message: a frame of %s is over API Gateway's limit of %d", words, MAX_FRAME_BYTES)
    return content


def _initial_frames(frames: Any) -> list[bytes]:
    """The frames that fit: the handshake must not fail because a history has grown."""
    several = [frames] if isinstance(frames, Mapping | BaseModel | str | bytes) else list(frames or [])
    contents = [_encoded("initial", one) for one in several]
    kept: list[bytes] = []
    room = _MAX_INITIAL_BYTES
    for content in contents:
        # The proxy passes the frames on as JSON strings.
        size = len(content) + content.count(b'"') + content.count(b"\\") + 3
        if len(content) <= MAX_FRAME_BYTES and size <= room:
            kept.append(content)
            room -= size
    if len(kept) < len(contents):
        left = f"{len(contents) - len(kept)} of {len(contents)} frames ({sum(map(len, contents))} bytes)"
        _log.error("initial: %s do not fit into 128 KB each and 1 MiB together, and are left out", left)
    return kept


async def _call(hook: Callable[..., Any], *arguments: object) -> Any:
    """Like FastAPI: `async def` runs in the event loop, `def` in a thread."""
    if inspect.iscoroutinefunction(hook):
        return await hook(*arguments)
    result = await run_in_threadpool(hook, *arguments)
    return await result if inspect.isawaitable(result) else result


def _json(value: Any) -> bytes:
    """Clients may send `1e999` or half a surrogate pair; an echo of it must not fail here."""
    try:
        text = _write(value)
    except (TypeError, ValueError):
        try:
            text = _write(_finite(value))
        except (TypeError, ValueError):
            # Keys that are no strings, and numbers inside of models.
            text = _write(_finite(jsonable_encoder(value)))
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


_SURROGATE = re.compile("[\ud800-\udfff]")


# `json.dumps` would make one for each frame.
_write = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=jsonable_encoder
).encode


def _finite(value: Any) -> Any:
    """What has no JSON number becomes null, as in JavaScript."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value


# --- Where it runs ------------------------------------------------------------------------------------------


def _surroundings(is_in_memory: bool, answers: AnswerStore) -> Iterator[str]:
    """What is wrong with the place where the application runs, a line each."""
    workers = _workers()
    if workers > 1 and (is_in_memory or isinstance(answers, MemoryAnswers)):
        yield (
            f"{workers} workers, but connections or answers are in the memory of each: messages that reach "
            "another worker than their handshake get 401. Give ShelfShack connections=RedisConnections(...) "
            "and answers=RedisAnswers(...), or run one worker"
        )
    version = [int(word) for word in re.findall(r"\d+", starlette.__version__)[:2]]
    if version < [0, 28]:
        yield (
            f"Starlette {starlette.__version__} is older than 0.28: behind a middleware that reads the body "
            "requests never end. Install FastAPI 0.107 or newer"
        )


def _workers() -> int:
    """How many processes the server was told to start; 1 where that cannot be told."""
    command = " ".join(sys.argv[1:]) if re.search(r"uvicorn|gunicorn|hypercorn|fastapi", sys.argv[0]) else ""
    option = re.search(r"(?:^|\s)(?:--workers[= ]|-w[= ]?)([0-9]{1,4})(?=\s|$)", command)
    count = option[1] if option else os.environ.get("WEB_CONCURRENCY", "")
    return int(count) if re.fullmatch(r"[0-9]{1,4}", count) else 1


def _causes_of_unknown(connections: ConnectionStore) -> str:
    if isinstance(connections, MemoryConnections):
        return (
            "Causes: this process was restarted or reloaded since, or another worker took the handshake. "
            "Several workers need connections=RedisConnections(...) and answers=RedisAnswers(...)"
        )
    return "Causes: the connection has ended, or the store was emptied or is not the one of the other workers"
