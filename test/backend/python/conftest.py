"""Fixtures: the kit in a small application under uvicorn, a Redis server, a stand-in for `@connections`."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

    def begin(
        uvicorn_settings: dict[str, Any] | None = None, root_path: str = "", **settings: Any
    ) -> Application:
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
        skip_or_fail(
            "no redis-server here (Debian: apt-get install redis-server): the stores in Redis are not tested"
        )
    port, stop = start_redis(tmp_path_factory.mktemp("redis"))
    yield f"redis://127.0.0.1:{port}/0"
    stop()


def start_redis(folder: Path, port: int = 0) -> tuple[int, Callable[[], None]]:
    """A redis-server on a free port, or on the given one; the function ends it."""
    program = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    else:
        pytest.fail("redis-server did not start")
    output = server.stdout
    drain = threading.Thread(target=output.read, daemon=True)
    drain.start()

    def stop() -> None:
        server.terminate()
        server.wait(10)
        drain.join(10)
        output.close()

    return port, stop


STATUS_OF = {
    "gone": (410, "GoneException"),
    "nameless": (410, ""),
    "forbidden": (403, "ForbiddenException"),
    "large": (413, "PayloadTooLargeException"),
}


@dataclass
class Gateway:
    """What was posted to `@connections`; ids that begin with a word of STATUS_OF get that answer."""

    url: str
    posts: list[tuple[str, bytes]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    most_at_once: int = 0


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    state, lock, now = Gateway(""), threading.Lock(), [0]

    class Connections(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with lock:
                now[0] += 1
                state.most_at_once = max(state.most_at_once, now[0])
            content = self.rfile.read(int(self.headers["content-length"]))
            path = self.path
            with lock:
                state.posts.append((path, content))
                state.authorizations.append(self.headers["authorization"])
                now[0] -= 1
            word = path.rsplit("/", 1)[1].split("-")[0]
            status, name = STATUS_OF.get(word, (200, ""))
            self.send_response(status)
            if name:
                self.send_header("x-amzn-errortype", name)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Connections)
    state.url = f"http://127.0.0.1:{server.server_port}/abc/dev"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
