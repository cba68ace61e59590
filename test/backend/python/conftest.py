"""Fixtures: the kit in a small application, under uvicorn, and a Redis server where there is one."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from proxy import SECRET, Backend, serve
from shelfshack_ws import Connection, Message, ShelfShack


@dataclass
class Seen:
    """What the hooks of the application were called with."""

    messages: list[Message] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)


@dataclass
class Application:
    app: FastAPI
    backend: Backend
    ws: ShelfShack
    seen: Seen


Start = Callable[..., Application]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an application whose hooks can be replaced; `start(on_message=...)`."""
    running: list[Any] = []

    def begin(uvicorn_settings: dict[str, Any] | None = None, root_path: str = "", **settings: Any) -> Application:
        seen = Seen()

        def echo(connection: Connection, message: Message) -> dict[str, Any]:
            seen.messages.append(message)
            return {"response": "processed", "echo": message.content}

        async def ended(connection: Connection) -> None:
            seen.ended.append(connection.id)

        hooks = {
            "authenticate": lambda token, type, booking_id: token if token != "bad" else None,
            "on_message": echo,
            "on_disconnect": ended,
            "signing_keys": SECRET,
        }
        ws = ShelfShack(**{**hooks, **settings})
        app = FastAPI(root_path=root_path)
        app.include_router(ws.router)
        serving = serve(app, **(uvicorn_settings or {}))
        running.append(serving)
        return Application(app, serving.__enter__(), ws, seen)

    yield begin
    for serving in running:
        serving.__exit__(None, None, None)


def skip_or_fail(reason: str) -> None:
    if os.environ.get("REQUIRE_BACKEND") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A redis-server of our own, on a free port; REDIS_SERVER names the program."""
    program = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if not program or not Path(program).exists():
        skip_or_fail("no redis-server here (Debian: apt-get install redis-server): the Redis registry is not tested")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    else:
        pytest.fail("redis-server did not start")
    drain = threading.Thread(target=server.stdout.read, daemon=True)
    drain.start()
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)
    drain.join(10)
    server.stdout.close()
