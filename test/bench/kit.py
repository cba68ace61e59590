"""The backend kit and what it is measured against, as FastAPI applications that answer a message alike.

`kit.py cpu NAME` prints the CPU time of one request in process, in microseconds; `kit.py serve NAME` prints
the port at which uvicorn serves it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import sys
import time
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel

from shelfshack_ws import Connection, ShelfShack

KEY = b"k" * 32
PATH = "/api/ws/message"
CONNECTION = "UbT2acX1IAMCJpw="
ANSWER = {"response": "processed"}
WARM_UP, MEASURED = 500, 3000


async def on_message(connection: Connection, message: Any) -> Any:
    return ANSWER


ws = ShelfShack(
    authenticate=on_message,
    on_message=on_message,
    signing_keys="whsec_" + base64.b64encode(KEY).decode(),
)


@asynccontextmanager
async def connected(_app: FastAPI):
    await ws.connections.add(Connection(CONNECTION, "booking", "1", "ann", None, time.time()))
    yield


class Envelope(BaseModel):
    """What a backend without the kit would declare."""

    v: int
    host: str
    path: str
    event: str
    connection_id: str
    request_id: str
    message_id: str
    route_key: str
    message: Any


apps = {name: FastAPI(lifespan=connected) for name in ("ours", "bare", "model")}
apps["ours"].include_router(ws.router)


@apps["bare"].post(PATH)
async def bare(request: Request):
    await request.json()
    return ANSWER


@apps["model"].post(PATH)
async def model(envelope: Envelope):
    return ANSWER


for app in apps.values():

    @app.get("/cpu")
    async def cpu():
        return time.process_time()


def signed(number: int) -> tuple[dict[str, Any], bytes]:
    """A message as the proxy sends it: its ASGI scope and its body."""
    body = json.dumps(
        {
            "v": 1,
            "host": "api.example.com",
            "path": PATH,
            "event": "message",
            "connection_id": CONNECTION,
            "request_id": "UbT2nH5bIAMFSnA=",
            "message_id": f"UbT2ncYVoAMCJpw{number}",
            "route_key": "$default",
            "message": {"type": "message", "body": "good evening"},
        },
        separators=(",", ":"),
    ).encode()
    request_id, timestamp = f"msg_m_{number}", str(int(time.time()))
    text = f"{request_id}.{timestamp}.".encode() + body
    signature = "v1," + base64.b64encode(hmac.digest(KEY, text, hashlib.sha256)).decode()
    headers = {
        "host": "api.example.com",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-connection-id": CONNECTION,
        "x-request-id": "UbT2nH5bIAMFSnA=",
        "webhook-id": request_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    return scope, body


async def ask(app: FastAPI, scope: dict[str, Any], body: bytes) -> None:
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event):
        assert event.get("status", 200) == 200, event

    await app(scope, receive, send)


async def cpu_of_a_request(app: FastAPI) -> float:
    requests = [signed(number) for number in range(WARM_UP + MEASURED)]
    async with connected(app):
        for scope, body in requests[:WARM_UP]:
            await ask(app, scope, body)
        before = time.process_time()
        for scope, body in requests[WARM_UP:]:
            await ask(app, scope, body)
        return (time.process_time() - before) / MEASURED * 1e6


def serve(app: FastAPI) -> None:
    # asyncio sends small packets at once only where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error")).run(sockets=[listener])


task, name = sys.argv[1:]
if task == "cpu":
    print(asyncio.run(cpu_of_a_request(apps[name])))
else:
    serve(apps[name])
