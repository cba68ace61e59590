"""The example backend as a process, started as its documentation says, asked as the proxy asks."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tokens import TokenError, make_token, read_token

from conftest import Gateway
from proxy import SECRET, Backend, Reply, connect_request, disconnect_request, message_request

KIT = Path(__file__).parents[3] / "src" / "backend"
TOKEN_SECRET = b"the example's secret"


def command(**environment: str) -> dict[str, Any]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("EXAMPLE_", "SIGNING_"))
    }
    return {
        "args": [sys.executable, "-m", "uvicorn", "main:app", "--port", "0"],
        "cwd": KIT / "example",
        "env": {**inherited, "PYTHONPATH": "..", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        "stderr": subprocess.PIPE,
        "text": True,
    }


StartExample = Callable[..., Backend]


@pytest.fixture
def start_example() -> Iterator[StartExample]:
    running: list[tuple[subprocess.Popen[str], threading.Thread]] = []

    def begin(**environment: str) -> Backend:
        secrets = {"SIGNING_KEYS": SECRET, "EXAMPLE_TOKEN_SECRET": TOKEN_SECRET.decode()}
        process = subprocess.Popen(**command(**secrets, **environment), stdout=subprocess.DEVNULL)
        assert process.stderr
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                rest = threading.Thread(target=process.stderr.read, daemon=True)
                rest.start()
                running.append((process, rest))
                return Backend(int(found[1]))
        process.wait(10)
        process.stderr.close()
        raise AssertionError("".join(lines))

    yield begin
    for process, rest in running:
        process.terminate()
        process.wait(10)
        rest.join(10)
        if process.stderr:
            process.stderr.close()


@dataclass
class Client:
    """One connection of one person."""

    backend: Backend
    id: str

    def says(self, text: str) -> Reply:
        return self.backend.send(message_request(self.id, text))


def token(user: str, *bookings: str, seconds: int = 60) -> str:
    return make_token(TOKEN_SECRET, user, list(bookings), seconds)


def arrive(backend: Backend, connection_id: str, token: str | None, **fields: Any) -> tuple[Client, Reply]:
    return Client(backend, connection_id), backend.send(connect_request(connection_id, token=token, **fields))


def frames(reply: Reply, connection_id: str) -> list[dict[str, Any]]:
    """What a reply delivers to a connection (`self` for the sender)."""
    entries = reply.json.get("deliver", [])
    return [entry["data"] for entry in entries if connection_id in entry["to"]]


def test_29_two_people_in_a_booking(start_example: StartExample) -> None:
    backend = start_example()
    alice, welcome = arrive(backend, "A=", token("alice", "1"))
    assert welcome.json["initial"] == [{"type": "history", "booking_id": "1", "messages": []}]
    _, accepted = arrive(backend, "B=", token("bob", "1"), type="chat")
    assert accepted.status == 200
    arrive(backend, "C=", token("carol", "2"), booking_id="2")

    reply = alice.says('{"type":"message","body":"hello"}')
    assert frames(reply, "self") == [{"type": "ack", "id": "m1"}]
    (heard,) = frames(reply, "B=")
    assert (heard["from"], heard["body"], heard["booking_id"]) == ("alice", "hello", "1")
    assert frames(reply, "C=") == []
    assert frames(alice.says('{"text":"plain words"}'), "B=")[0]["body"] == "plain words"

    _, again = arrive(backend, "B2=", token("bob", "1"))
    assert [one["body"] for one in again.json["initial"][0]["messages"]] == ["hello", "plain words"]


def test_a_page_knows_its_own_words_again(start_example: StartExample) -> None:
    backend = start_example()
    alice, _ = arrive(backend, "A=", token("alice", "1"))
    arrive(backend, "B=", token("bob", "1"))
    reply = alice.says('{"type":"message","body":"hello","ref":"r1"}')
    assert frames(reply, "self") == [{"type": "ack", "id": "m1", "ref": "r1"}]
    assert "ref" not in frames(reply, "B=")[0]
    assert "ref" not in frames(alice.says(json.dumps({"body": "hello", "ref": "r" * 65})), "self")[0]

    def history_of(name: str) -> list[dict[str, Any]]:
        _, welcome = arrive(backend, f"{name}2=", token(name, "1"))
        return list(welcome.json["initial"][0]["messages"])

    assert [one.get("ref") for one in history_of("alice")] == ["r1", None]
    assert [one.get("ref") for one in history_of("bob")] == [None, None]


def test_who_left_the_booking_gets_a_notification(start_example: StartExample) -> None:
    backend = start_example()
    alice, _ = arrive(backend, "A=", token("alice", "1"))
    arrive(backend, "B=", token("bob", "1"))
    arrive(backend, "N=", token("bob"), type="notification", booking_id=None)
    assert frames(alice.says('{"body":"you are here"}'), "N=") == []
    backend.send(disconnect_request("B="))
    (notice,) = frames(alice.says('{"body":"you are not"}'), "N=")
    assert (notice["type"], notice["text"]) == ("notification", "alice wrote in booking 1")
    _, later = arrive(backend, "N2=", token("bob"), type="notification", booking_id=None)
    assert len(later.json["initial"][0]["notifications"]) == 1


@pytest.mark.parametrize("type", ["booking", "chat", "notification"])
def test_25_bad_tokens_are_refused(start_example: StartExample, type: str) -> None:
    backend = start_example()
    good = token("alice", "1")
    none = "eyJhbGciOiJub25lIn0." + good.split(".")[1] + "."
    for bad in (None, "", "x", "a.b.c", "ä", good[:-1], good + "x", none, token("alice", "1", seconds=-1)):
        assert arrive(backend, "A=", bad, type=type)[1].status == 401, bad
    assert arrive(backend, "A=", good, type=type, booking_id="2")[1].status == 403
    assert arrive(backend, "A=", good, type=type)[1].status == 200


def test_the_feed_needs_no_token(start_example: StartExample) -> None:
    reply = arrive(start_example(), "F=", None, type="feed", booking_id=None)[1]
    assert reply.json == {"success": True, "initial": [{"type": "feed", "entries": []}]}


def test_a_feed_without_a_token_hears_no_booking(start_example: StartExample) -> None:
    backend = start_example()
    alice, _ = arrive(backend, "A=", token("alice", "7"), booking_id="7")
    for given, status in ((None, 403), ("", 403), (token("mallory", "1"), 403), (token("bob", "7"), 200)):
        assert arrive(backend, "F=", given, type="feed", booking_id="7")[1].status == status
    assert alice.says('{"body":"between us"}').json["deliver"] == [
        {"to": "self", "data": {"type": "ack", "id": "m1"}},
    ]


def test_30_odd_messages_get_the_answer_of_the_seed(start_example: StartExample) -> None:
    alice, _ = arrive(start_example(), "A=", token("alice", "1"))
    for text in (
        "5",
        "null",
        "[1]",
        '"hello"',
        "{}",
        '{"body":5}',
        '{"body":" "}',
        "[" * 65_000 + "]" * 65_000,
        "1e999",
    ):
        assert alice.says(text).json == {"response": "processed"}
    assert alice.says('{"type":"ping"}').json == {"type": "pong"}
    assert frames(alice.says('{"body":"\\ud800\\u0000"}'), "self")[0]["type"] == "ack"
    too_long = alice.says('{"body":"' + "x" * 4001 + '"}')
    assert (too_long.status, too_long.json) == (413, {"detail": "a message has at most 4000 characters"})


def test_the_backend_pushes_by_itself(start_example: StartExample, gateway: Gateway) -> None:
    backend = start_example()
    arrive(backend, "N=", token("bob"), type="notification", booking_id=None, callback_url=gateway.url)
    arrive(backend, "F=", None, type="feed", booking_id=None, callback_url=gateway.url)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token('alice')}"}
    sent = {"sent": 1, "gone": 0, "failed": 0}
    assert backend.http("POST", "/notifications", b'{"user":"bob","text":"hi"}', headers).json == sent
    assert backend.http("POST", "/feed", b'{"text":"news"}', headers).json == sent
    assert [path for path, _ in gateway.posts] == ["/abc/dev/@connections/N%3D", "/abc/dev/@connections/F%3D"]
    assert (
        backend.http("POST", "/feed", b'{"text":"news"}', {"content-type": "application/json"}).status == 401
    )


CONTROL = "\\u0001" * 4000
LONG = "x" * 4001


def test_f_06_no_message_keeps_others_out_of_a_booking(start_example: StartExample) -> None:
    backend = start_example()
    alice, _ = arrive(backend, "A=", token("alice", "1"))
    for _ in range(50):
        assert alice.says('{"body":"' + CONTROL + '"}').status == 200
    assert alice.says('{"body":"the newest \\ud800"}').status == 200
    status, welcome = (reply := arrive(backend, "B=", token("bob", "1"))[1]).status, reply.json
    assert (status, len(reply.body) <= 128 * 1024) == (200, True)
    assert welcome["initial"][0]["messages"][-1]["body"] == "the newest \ud800"
    assert len(welcome["initial"][0]["messages"]) > 2


@pytest.mark.parametrize(
    ("path", "type", "key"),
    [("/notifications", "notification", "notifications"), ("/feed", "feed", "entries")],
)
def test_f_06_no_notice_keeps_its_receiver_out(
    start_example: StartExample, path: str, type: str, key: str
) -> None:
    backend = start_example()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token('mallory')}"}

    def send(text: str, user: str = "bob") -> int:
        body = f'{{"user":"{user}","text":"{text}"}}'.encode()
        return backend.http("POST", path, body, headers).status

    assert send("x" * 1_100_000) == 422
    assert send(LONG) == 422
    assert path == "/feed" or send("x", "b" * 65) == 422
    for _ in range(20):
        assert send(CONTROL) == 200
    reply = arrive(backend, "N=", token("bob"), type=type, booking_id=None)[1]
    assert (reply.status, len(reply.body) <= 128 * 1024) == (200, True)
    assert 2 < len(reply.json["initial"][0][key]) < 20


def test_f_17_dev_tokens_under_loopback_names_only(start_example: StartExample) -> None:
    backend = start_example(EXAMPLE_DEV_TOKENS="1")

    def status(host: str) -> int:
        return backend.http("GET", "/dev-token?user=bob", headers={"host": host}).status

    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1", f"127.0.0.1:{backend.port}", "[::1]:80"):
        assert status(host) == 200, host
    for host in (
        "rebind.example",
        "rebind.example:8000",
        "127.0.0.1.example",
        "localhost.example",
        "example:127.0.0.1",
        "127.0.0.1:80@example",
        "127x0.0.1",
        "10.0.0.1",
        "",
    ):
        assert status(host) == 403, host


def test_f_18_requests_for_another_host_are_refused(start_example: StartExample) -> None:
    backend = start_example(EXAMPLE_HOST="api.example.com 127.0.0.1:8000")
    for host, status in (("api.example.com", 200), ("127.0.0.1:8000", 200), ("other.example", 401)):
        assert arrive(backend, "A=", token("alice", "1"), host=host)[1].status == status


def test_f_21_a_push_without_credentials_says_so(start_example: StartExample, tmp_path: Path) -> None:
    without = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    backend = start_example(**without, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    arrive(backend, "N=", token("bob"), type="notification", booking_id=None)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token('alice')}"}
    reply = backend.http("POST", "/notifications", b'{"user":"bob","text":"hi"}', headers).json
    assert (reply["sent"], reply["failed"]) == (0, 1)
    assert "outputs --for backend --local" in reply["reasons"][0]


def test_the_page_is_served_and_nothing_else(start_example: StartExample) -> None:
    backend = start_example(VITE_WS_API_ENDPOINT="wss://abc.example/dev")
    assert backend.http("GET", "/health").json == {"status": "ok"}
    assert backend.http("GET", "/config.json").json == {
        "endpoint": "wss://abc.example/dev",
        "devTokens": False,
    }
    for path, kind in (
        ("/", "text/html"),
        ("/client.js", "text/javascript"),
        ("/page.js", "text/javascript"),
    ):
        reply = backend.http("GET", path)
        assert (reply.status, reply.headers["content-type"].split(";")[0]) == (200, kind)
    for path in ("/main.py", "/main.js", "/..%2fmain.js", "/tokens.py", "/dev-token?user=alice"):
        assert backend.http("GET", path).status == 404


def test_dev_tokens_only_with_the_flag(start_example: StartExample) -> None:
    backend = start_example(EXAMPLE_DEV_TOKENS="1")
    given = backend.http("GET", "/dev-token?user=alice&bookings=1,2").json["token"]
    assert arrive(backend, "A=", given, booking_id="2")[1].status == 200
    assert backend.http("GET", "/whoami", headers={"authorization": f"Bearer {given}"}).json == {
        "user": "alice"
    }
    old = backend.http("GET", "/dev-token?user=alice&seconds=-1").json["token"]
    refused = backend.http("GET", "/whoami", headers={"authorization": f"Bearer {old}"})
    assert (refused.status, refused.json) == (401, {"detail": "the token has expired"})


def test_two_workers_with_redis(start_example: StartExample, redis_url: str) -> None:
    one, two = start_example(REDIS_URL=redis_url), start_example(REDIS_URL=redis_url)
    arrive(one, f"R1{time.time_ns()}=", token("alice", "redis"), booking_id="redis")
    bob, _ = arrive(two, "R2=", token("bob", "redis"), booking_id="redis")
    delivered = Client(one, bob.id).says('{"body":"hi"}').json["deliver"]
    assert [entry["data"]["type"] for entry in delivered] == ["message", "ack"]


def test_it_does_not_start_without_keys() -> None:
    ended = subprocess.run(**command(), stdout=subprocess.DEVNULL, timeout=60, check=False)
    assert ended.returncode != 0
    assert "SIGNING_KEYS is not set" in ended.stderr


def test_tokens_tell_what_is_wrong_with_them() -> None:
    assert read_token(b"s", make_token(b"s", "alice", ["1"], 60))["sub"] == "alice"
    for bad, reason in (
        (None, "no token"),
        ("x.y.z", "not ours"),
        (make_token(b"s", "a", [], -1), "expired"),
    ):
        with pytest.raises(TokenError, match=reason):
            read_token(b"s", bad)
