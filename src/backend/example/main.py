"""An example backend: bookings with a chat, notifications and a feed; the proxy holds the WebSockets.

    pip install -r requirements.txt
    PYTHONPATH=.. EXAMPLE_DEV_TOKENS=1 EXAMPLE_ALLOW_UNSIGNED=1 uvicorn main:app     # on your own machine

Read from the environment:

* SIGNING_KEYS: the proxy's key (`shelfshack-ws outputs --for backend --out backend.env`).
* EXAMPLE_ALLOW_UNSIGNED=1: runs without SIGNING_KEYS.
* EXAMPLE_TOKEN_SECRET: signs the users' tokens; a new one at every start when it is not set.
* EXAMPLE_DEV_TOKENS=1: GET /dev-token gives any caller on this machine a token for any name, under the names
  localhost, 127.0.0.1 and [::1] only. Never in production.
* EXAMPLE_HOST: the host of the backend's URL (`api.example.com`); requests for another are refused then.
* VITE_WS_API_ENDPOINT: the `wss://` address for the page at / (`shelfshack-ws outputs --for frontend`).
* REDIS_URL: keeps connections and answers in Redis, so that several workers can run.

POST /notifications and POST /feed push without a client's message, which needs AWS credentials: for a local
AWS set the variables that `shelfshack-ws outputs --for backend --local --out backend.env` writes. Every
holder of a token may notify everyone and write to the feed: a real application decides who may.
"""

import importlib
import os
import re
import secrets
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from tokens import TokenError, make_token, read_token

from shelfshack_ws import (
    SELF,
    Connection,
    Deliver,
    Message,
    Pushed,
    RedisAnswers,
    RedisConnections,
    ShelfShack,
    deliver,
    newest_that_fit,
)

HERE = Path(__file__).parent
TOKEN_SECRET = os.environ.get("EXAMPLE_TOKEN_SECRET", "").encode() or secrets.token_bytes(32)
DEV_TOKENS = os.environ.get("EXAMPLE_DEV_TOKENS") == "1"
MAX_TEXT = 4000
MAX_REFERENCE = 64
MAX_NAME = 64
MAX_USERS = 10_000
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
CHATTING = ("booking", "chat")
GUEST: dict[str, Any] = {"sub": "guest", "bookings": []}

app = FastAPI(title="ShelfShack example backend")

# What a real application keeps in its database.
history: defaultdict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=50))
participants: defaultdict[str, set[str]] = defaultdict(set)
notices: defaultdict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=20))
feed: deque[dict[str, Any]] = deque(maxlen=20)


def stores() -> dict[str, Any]:
    """Both in Redis when REDIS_URL is set; otherwise in the memory of this process."""
    url = os.environ.get("REDIS_URL")
    if not url:
        return {}
    redis = importlib.import_module("redis.asyncio").from_url(url, socket_connect_timeout=1, socket_timeout=2)
    return {"connections": RedisConnections(redis), "answers": RedisAnswers(redis)}


# --- WebSockets ---------------------------------------------------------------------------------------------


def authenticate(token: str | None, type: str, booking_id: str | None) -> str:
    """The feed needs no token, all else does; a booking is for its own users only."""
    try:
        claims = GUEST if type == "feed" and not token else read_token(TOKEN_SECRET, token)
    except TokenError as error:
        raise HTTPException(401, str(error)) from None
    if booking_id is not None and booking_id not in claims["bookings"]:
        raise HTTPException(403, "this booking belongs to another user")
    return str(claims["sub"])


def initial(connection: Connection) -> list[dict[str, Any]]:
    """What the client gets as soon as it is connected: the newest, as much as fits into one frame."""
    if connection.type == "notification":
        kept = newest_that_fit(notices.get(connection.user, ()))
        return [{"type": "notifications", "notifications": kept}]
    if connection.type == "feed":
        return [{"type": "feed", "entries": newest_that_fit(feed)}]
    if connection.booking_id is None:
        return []
    participants[connection.booking_id].add(connection.user)
    messages = [visible_to(connection.user, entry) for entry in history[connection.booking_id]]
    return [{"type": "history", "booking_id": connection.booking_id, "messages": newest_that_fit(messages)}]


def visible_to(user: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Only the sender gets its reference back: a page recognises its own messages by it."""
    return {name: value for name, value in entry.items() if name != "ref" or entry["from"] == user}


async def on_message(connection: Connection, message: Message) -> Deliver | dict[str, Any]:
    """`{"type": "ping"}` keeps a connection alive; `{"body": "…", "ref": "…"}` and text go to the booking."""
    content = message.content if isinstance(message.content, dict) else {}
    if content.get("type") == "ping":
        return {"type": "pong"}
    text = content.get("body", content.get("text"))
    if connection.type in CHATTING and connection.booking_id and isinstance(text, str) and text.strip():
        reference = content.get("ref")
        known = {"ref": reference} if isinstance(reference, str) and len(reference) <= MAX_REFERENCE else {}
        return await post(connection, {"id": message.id, **known}, connection.booking_id, text)
    return {"response": "processed"}


async def post(connection: Connection, identity: dict[str, str], booking_id: str, text: str) -> Deliver:
    """The others of the booking get the message; its participants elsewhere get a notification."""
    if len(text) > MAX_TEXT:
        raise HTTPException(413, f"a message has at most {MAX_TEXT} characters")
    entry = {
        "id": identity["id"],
        "booking_id": booking_id,
        "from": connection.user,
        "body": text,
        "at": time.time(),
    }
    history[booking_id].append({**entry, **identity})
    present = [one for one in await ws.connections_of(booking_id) if one.type in CHATTING]
    directive = deliver([one for one in present if one != connection], {"type": "message", **entry})
    notice = {"text": f"{connection.user} wrote in booking {booking_id}", "at": entry["at"]}
    for user in sorted(participants[booking_id] - {one.user for one in present}):
        keep_notice(user, notice)
        elsewhere = await ws.connections_of(user=user, type="notification")
        directive.to(elsewhere, {"type": "notification", **notice})
    return directive.to(SELF, {"type": "ack", **identity})


def keep_notice(user: str, notice: dict[str, Any]) -> None:
    """For the user's next connection; the users that were notified first are forgotten."""
    notices[user].append(notice)
    while len(notices) > MAX_USERS:
        del notices[next(iter(notices))]


ws = ShelfShack(
    authenticate=authenticate,
    on_message=on_message,
    initial=initial,
    allow_unsigned=os.environ.get("EXAMPLE_ALLOW_UNSIGNED") == "1",
    host=os.environ.get("EXAMPLE_HOST", "").split(),
    **stores(),
)
app.include_router(ws.router)


# --- HTTP ---------------------------------------------------------------------------------------------------


def current_user(authorization: str = Header("")) -> str:
    """The sender of an ordinary request: `Authorization: Bearer <token>`."""
    try:
        return str(read_token(TOKEN_SECRET, authorization.removeprefix("Bearer "))["sub"])
    except TokenError as error:
        raise HTTPException(401, str(error)) from None


class Notice(BaseModel):
    """A notification for one user."""

    user: str = Field(max_length=MAX_NAME)
    text: str = Field(max_length=MAX_TEXT)


class Entry(BaseModel):
    """An entry of the feed."""

    text: str = Field(max_length=MAX_TEXT)


def told(pushed: Pushed) -> dict[str, Any]:
    """How a push went; with the reasons where frames were not sent."""
    counts = {"sent": len(pushed.sent), "gone": len(pushed.gone), "failed": len(pushed.failed)}
    return {**counts, "reasons": pushed.reasons} if pushed.reasons else counts


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/whoami")
def whoami(user: str = Depends(current_user)) -> dict[str, str]:
    """A browser cannot see why a WebSocket handshake was refused; it asks here."""
    return {"user": user}


@app.post("/notifications")
async def notify(notice: Notice, sender: str = Depends(current_user)) -> dict[str, Any]:
    """No WebSocket message asked for this one, so the backend pushes it."""
    kept = {"text": notice.text, "from": sender, "at": time.time()}
    keep_notice(notice.user, kept)
    targets = await ws.connections_of(user=notice.user, type="notification")
    return told(await ws.push(targets, {"type": "notification", **kept}))


@app.post("/feed")
async def publish(entry: Entry, sender: str = Depends(current_user)) -> dict[str, Any]:
    kept = {"text": entry.text, "from": sender, "at": time.time()}
    feed.append(kept)
    return told(await ws.push(await ws.connections_of(type="feed"), {"type": "entry", **kept}))


if DEV_TOKENS:

    @app.get("/dev-token")
    def dev_token(
        request: Request,
        user: str = Query(max_length=MAX_NAME),
        bookings: str = Query("1", max_length=MAX_TEXT),
        seconds: int = 3600,
    ) -> dict[str, str]:
        """A token for any name, for trying things out: /dev-token?user=alice&bookings=1,2

        A page of the internet may point a name of its own at this machine; it gets none.
        """
        if not LOOPBACK.fullmatch(request.headers.get("host", "")):
            raise HTTPException(403, "only under localhost, 127.0.0.1 and [::1]")
        return {"token": make_token(TOKEN_SECRET, user, bookings.split(","), seconds)}


# --- The page -----------------------------------------------------------------------------------------------


@app.get("/", include_in_schema=False)
def page() -> FileResponse:
    return FileResponse(HERE / "index.html")


@app.get("/{name}.js", include_in_schema=False)
def script(name: str) -> FileResponse:
    if name not in ("client", "page"):
        raise HTTPException(404)
    return FileResponse(HERE / f"{name}.js", media_type="text/javascript")


@app.get("/config.json", include_in_schema=False)
def config() -> dict[str, Any]:
    """The settings of the page."""
    return {"endpoint": os.environ.get("VITE_WS_API_ENDPOINT", ""), "devTokens": DEV_TOKENS}
