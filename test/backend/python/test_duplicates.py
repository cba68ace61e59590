"""H-18: the proxy repeats a request under the same id; the work is done once, the answer given twice."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from fastapi import HTTPException

from conftest import Start
from proxy import Backend, connect_request, message_request
from shelfshack_ws import MemoryAnswers, OnMessage, RedisAnswers, RedisConnections


class Work:
    """A message hook that counts, and fails with the statuses it is given first."""

    def __init__(self, *failures: int) -> None:
        self.count, self.failures = 0, list(failures)

    def __call__(self, *_: object) -> dict[str, Any]:
        self.count += 1
        if self.failures:
            raise HTTPException(self.failures.pop(0), "not now")
        return {"count": self.count}


def test_h_18_a_repeated_message_gets_the_first_answer(start: Start) -> None:
    work = Work()
    backend = start(on_message=work).backend
    backend.send(connect_request("C="))
    first, *others = [backend.send(message_request("C=", "{}", webhook_id="msg_m_same")) for _ in range(5)]
    assert first.json == {"count": 1}
    assert {other.body for other in others} == {first.body}
    assert backend.send(message_request("C=", "{}", webhook_id="msg_m_other")).json == {"count": 2}


def test_h_18_repeats_while_the_first_is_at_work_wait_for_its_answer(start: Start) -> None:
    begun, go, count = threading.Event(), threading.Event(), []

    def slow(*_: object) -> dict[str, Any]:
        count.append(1)
        begun.set()
        go.wait(10)
        return {"count": len(count)}

    backend = start(on_message=slow).backend
    backend.send(connect_request("C="))
    with ThreadPoolExecutor(8) as pool:
        send = partial(backend.send, message_request("C=", "{}", webhook_id="msg_m_same"))
        first = pool.submit(send)
        assert begun.wait(10)
        others = [pool.submit(send) for _ in range(7)]
        go.set()
        assert [future.result().json for future in [first, *others]] == [{"count": 1}] * 8


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_rejection_is_remembered(start: Start, status: int) -> None:
    work = Work(status)
    backend = start(on_message=work).backend
    backend.send(connect_request("C="))
    replies = [backend.send(message_request("C=", "{}", webhook_id="msg_m_1")) for _ in range(2)]
    assert [(reply.status, reply.json) for reply in replies] == [(status, {"detail": "not now"})] * 2
    assert work.count == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_the_proxy_tries_again_is_not_remembered(start: Start, status: int) -> None:
    work = Work(status)
    backend = start(on_message=work).backend
    backend.send(connect_request("C="))
    replies = [backend.send(message_request("C=", "{}", webhook_id="msg_m_1")) for _ in range(3)]
    assert [reply.status for reply in replies] == [status, 200, 200]
    assert work.count == 2


def test_a_crash_is_not_remembered_and_those_who_wait_try_themselves(start: Start) -> None:
    count = []

    def crash_once(*_: object) -> dict[str, Any]:
        count.append(1)
        if len(count) == 1:
            raise RuntimeError("crash")
        return {"count": len(count)}

    backend = start(on_message=crash_once).backend
    backend.send(connect_request("C="))
    replies = [backend.send(message_request("C=", "{}", webhook_id="msg_m_1")) for _ in range(3)]
    assert [reply.status for reply in replies] == [500, 200, 200]
    assert len(count) == 2


def test_a_repeated_register_authenticates_once(start: Start) -> None:
    tokens: list[str | None] = []

    def authenticate(token: str | None, type: str, booking_id: str | None) -> str:
        tokens.append(token)
        return "user"

    backend = start(authenticate=authenticate).backend
    request = connect_request("C=")
    assert [backend.send(request).status for _ in range(3)] == [200] * 3
    assert tokens == ["alice"]


def test_a_refused_request_does_not_use_up_an_id(start: Start) -> None:
    backend = start().backend
    backend.send(connect_request("C="))
    request = message_request("C=", "{}", webhook_id="msg_m_1")
    request.headers["x-connection-id"] = "D="
    assert backend.send(request).status == 401
    assert backend.send(message_request("C=", "{}", webhook_id="msg_m_1")).status == 200


StartWith = Callable[..., Backend]


@pytest.fixture
def start_in_memory(start: Start) -> StartWith:
    def begin(on_message: OnMessage, claim_seconds: float = 30) -> Backend:
        return start(on_message=on_message, answers=MemoryAnswers(claim_seconds=claim_seconds)).backend

    return begin


@pytest.fixture
def start_with_redis(start: Start, redis_url: str) -> Iterator[StartWith]:
    import redis.asyncio

    started: list[Backend] = []

    def begin(on_message: OnMessage, claim_seconds: float = 30) -> Backend:
        client = redis.asyncio.from_url(redis_url)
        answers = RedisAnswers(client, claim_seconds=claim_seconds)
        application = start(on_message=on_message, connections=RedisConnections(client), answers=answers)
        application.app.get("/close")(client.aclose)
        started.append(application.backend)
        return application.backend

    yield begin
    for backend in started:
        assert backend.http("GET", "/close").status == 200


@pytest.mark.parametrize("place", ["start_in_memory", "start_with_redis"])
@pytest.mark.parametrize(
    ("status", "name", "value"), [(429, "Retry-After", "2"), (401, "WWW-Authenticate", "Bearer")]
)
def test_headers_of_a_refusal_reach_the_proxy_also_the_second_time(
    request: pytest.FixtureRequest, place: str, status: int, name: str, value: str
) -> None:
    def refuse(*_: object) -> None:
        raise HTTPException(status, "not now", headers={name: value})

    start_there: StartWith = request.getfixturevalue(place)
    backend = start_there(refuse)
    backend.send(connect_request("H="))
    replies = [backend.send(message_request("H=", "{}", webhook_id=f"msg_m_h{status}")) for _ in range(2)]
    assert [(reply.status, reply.headers[name.lower()]) for reply in replies] == [(status, value)] * 2
    assert [reply.json for reply in replies] == [{"detail": "not now"}] * 2


@pytest.mark.parametrize("place", ["start_in_memory", "start_with_redis"])
def test_h_18_repeats_of_a_hook_that_hangs_get_503_and_the_work_is_done_once(
    request: pytest.FixtureRequest, place: str
) -> None:
    begun, go, count = threading.Event(), threading.Event(), []

    def hang(*_: object) -> dict[str, Any]:
        count.append(1)
        begun.set()
        go.wait(20)
        return {"count": len(count)}

    start_there: StartWith = request.getfixturevalue(place)
    backend = start_there(hang, claim_seconds=0.1)
    backend.send(connect_request("C="))
    with ThreadPoolExecutor(1) as pool:
        send = partial(backend.send, message_request("C=", "{}", webhook_id="msg_m_hangs"))
        first = pool.submit(send)
        assert begun.wait(10)
        repeats = [send() for _ in range(3)]
        go.set()
        assert [(repeat.status, repeat.json) for repeat in repeats] == [
            (503, {"detail": "still at work"})
        ] * 3
        assert first.result().json == send().json == {"count": 1}
