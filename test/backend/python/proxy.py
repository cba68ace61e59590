"""A stand-in for the proxy: signs requests by the contract, with its own code, and sends them over HTTP."""

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI

KEY = b"k" * 32
OLD_KEY = b"o" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD_SECRET = "whsec_" + base64.b64encode(OLD_KEY).decode()

_numbers = itertools.count(1)


def sign(key: bytes, request_id: str, timestamp: str, body: bytes) -> str:
    signed = request_id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


@dataclass
class Signed:
    """One request of the proxy, complete; tests change a part and send it."""

    path: str
    body: bytes
    headers: dict[str, str]


def signed(
    path: str,
    body: bytes,
    connection_id: str,
    *,
    webhook_id: str | None = None,
    timestamp: str | None = None,
    keys: Sequence[bytes] = (KEY,),
) -> Signed:
    request_id = webhook_id or f"msg_m_{next(_numbers)}"
    timestamp = timestamp or str(int(time.time()))
    signatures = " ".join(sign(key, request_id, timestamp, body) for key in keys)
    headers = {
        "content-type": "application/json",
        "x-connection-id": connection_id,
        "x-request-id": "r1",
        "webhook-id": request_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures,
    }
    return Signed(path, body, headers)


def envelope(path: str, event: str, connection_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "path": path,
        "event": event,
        "connection_id": connection_id,
        "request_id": "r1",
        **fields,
    }


def connect_request(connection_id: str, **fields: Any) -> Signed:
    path = fields.pop("path", "/api/ws/register")
    rest = {
        "type": "booking",
        "booking_id": "1",
        "token": "alice",
        "query": {},
        "client": {"ip": "203.0.113.9", "user_agent": "pytest", "origin": None},
        "connected_at": 1766040000000,
        "callback_url": "http://127.0.0.1:1/abc/dev",
    }
    body = json.dumps(envelope(path, "connect", connection_id, **{**rest, **fields})).encode()
    return signed(path, body, connection_id, webhook_id=f"msg_c_{next(_numbers)}")


def message_request(
    connection_id: str,
    text: str,
    *,
    path: str = "/api/ws/message",
    webhook_id: str | None = None,
    timestamp: str | None = None,
) -> Signed:
    """`text` is the client's JSON; as in the real proxy it goes into the envelope byte for byte."""
    rest = envelope(path, "message", connection_id, message_id="m1", route_key="$default")
    body = (json.dumps(rest)[:-1] + ', "message": ' + text + "}").encode()
    return signed(path, body, connection_id, webhook_id=webhook_id, timestamp=timestamp)


def disconnect_request(connection_id: str, reason: str = "client") -> Signed:
    path = "/api/ws/disconnect"
    body = json.dumps(
        envelope(path, "disconnect", connection_id, reason=reason, code=1001, detail=None)
    ).encode()
    return signed(path, body, connection_id, webhook_id=f"msg_d_{connection_id}")


@dataclass
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Backend:
    """A FastAPI application under uvicorn on a port of this machine."""

    port: int

    def send(self, request: Signed, method: str = "POST") -> Reply:
        return self.http(method, request.path, request.body, request.headers)

    def http(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.read(), dict(response.headers))
        finally:
            connection.close()


@contextmanager
def serve(app: FastAPI, **settings: Any) -> Iterator[Backend]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", **settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        thread.join(0.01)
    try:
        yield Backend(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
