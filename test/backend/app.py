"""A booking chat for the tests: the token is the user's name, "slow" answers late, "big" too much."""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from fastapi import FastAPI, Request

from shelfshack_ws import SELF, Connection, ShelfShack, deliver

USERS = {"ann", "ben", "cleo", "dan", "eve"}


async def authenticate(token: str | None, type: str, booking_id: str | None) -> str | None:
    if token == "slow":
        await asyncio.sleep(2)
    return token if token in USERS else None


async def initial(connection):
    return [{"type": "history", "booking": connection.booking_id, "frames": []}]


async def on_message(connection, message):
    content = message.content
    if isinstance(content, dict) and content.get("want") == "big":
        return {"type": "big", "body": "x" * 140_000}
    others = [other for other in await ws.connections_of(connection.booking_id) if other != connection]
    text = message.text if len(message.text) < 50_000 else ""
    news = {"type": "message", "from": connection.user, "text": text}
    return deliver(others, news).to(SELF, {"type": "ack", "text": text})


hooks = {"authenticate": authenticate, "initial": initial, "on_message": on_message}
ws = ShelfShack(**hooks)


@asynccontextmanager
async def kept(_app: FastAPI):
    """Who is connected outlives a restart when KEPT names a file, as it does with Redis."""
    file = Path(os.environ["KEPT"]) if "KEPT" in os.environ else None
    for row in json.loads(file.read_text()) if file and file.exists() else []:
        await ws.connections.add(Connection(**row))
    yield
    if file:
        file.write_text(
            json.dumps([asdict(connection) for connection in await ws.connections_of(type="booking")])
        )


app = FastAPI(lifespan=kept)


@app.get("/known")
async def known(booking: str):
    return [connection.id for connection in await ws.connections_of(booking)]


@app.post("/reload")
async def reload(request: Request):
    """New signing keys without a restart: another kit in front of the same connections."""
    keys = (await request.body()).decode()
    app.router.routes[:] = own_routes
    app.include_router(
        ShelfShack(**hooks, connections=ws.connections, answers=ws.answers, signing_keys=keys).router
    )


@app.post("/push")
async def push(request: Request):
    """A frame without a client's message, with these variables as the environment."""
    os.environ.update(await request.json())
    return asdict(await ws.push(await ws.connections_of("1"), {"type": "pushed"}))


own_routes = list(app.router.routes)
app.include_router(ws.router)
