"""Stores of connections and answers: the same tests for memory and Redis, with a clock of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from conftest import Application, Start
from proxy import connect_request, disconnect_request, message_request
from shelfshack_ws import (
    STILL_AT_WORK,
    Answer,
    AnswerStore,
    Connection,
    ConnectionStore,
    MemoryAnswers,
    MemoryConnections,
    RedisAnswers,
    RedisConnections,
)

LIFE = 2 * 3600 + 600
REFUSAL = Answer(422, '{"detail":"ä"}'.encode(), {"retry-after": "2", "x-why": 'it\\says: "no"'})


class Clock:
    def __init__(self, claim_seconds: float = 30) -> None:
        self.now, self.claim_seconds = 1000.0, claim_seconds

    def __call__(self) -> float:
        return self.now


def connection(
    connection_id: str, booking: str | None = "1", user: Any = "alice", type: str = "booking"
) -> Connection:
    return Connection(
        connection_id, type, booking, user, "http://127.0.0.1:1/abc/dev", 1000.0, {"since": "9"}
    )


Stores = tuple[ConnectionStore, AnswerStore]
Opened = Callable[[Clock], Any]


@pytest.fixture(params=["memory", "redis", "redis as text"])
def opened(request: pytest.FixtureRequest) -> Opened:
    @asynccontextmanager
    async def memory(clock: Clock) -> AsyncIterator[Stores]:
        yield MemoryConnections(clock=clock), MemoryAnswers(clock, clock.claim_seconds)

    @asynccontextmanager
    async def in_redis(clock: Clock) -> AsyncIterator[Stores]:
        import redis.asyncio

        url = request.getfixturevalue("redis_url")
        async with redis.asyncio.from_url(url, decode_responses="text" in request.param) as client:
            await client.flushdb()
            answers = RedisAnswers(client, claim_seconds=clock.claim_seconds)
            yield RedisConnections(client, clock=clock), answers

    if request.param != "memory":
        request.getfixturevalue("redis_url")
    return memory if request.param == "memory" else in_redis


def run_connections(opened: Opened, story: Callable[[ConnectionStore, Clock], Awaitable[None]]) -> None:
    async def told() -> None:
        clock = Clock()
        async with opened(clock) as (connections, _):
            await story(connections, clock)

    asyncio.run(asyncio.wait_for(told(), 30))


def run_answers(
    opened: Opened, story: Callable[[AnswerStore], Awaitable[None]], claim_seconds: float = 30
) -> None:
    async def told() -> None:
        async with opened(Clock(claim_seconds)) as (_, answers):
            await story(answers)

    asyncio.run(asyncio.wait_for(told(), 30))


def test_a_connection_is_found_by_id_booking_user_and_type(opened: Opened) -> None:
    async def story(connections: ConnectionStore, clock: Clock) -> None:
        users: list[Any] = ["alice", {"id": 7, "name": "ä"}, "alice"]
        for number, user in enumerate(users):
            await connections.add(
                connection(f"{number}=", str(number % 2), user, "chat" if number else "feed")
            )
        found = await connections.get("1=")
        assert found == connection("1=")
        assert found is not None
        assert (found.user, found.query, found.type) == ({"id": 7, "name": "ä"}, {"since": "9"}, "chat")
        expected = {
            "booking:0": ["0=", "2="],
            "booking:1": ["1="],
            "booking:2": [],
            'user:"alice"': ["0=", "2="],
            'user:{"id": 7, "name": "\\u00e4"}': ["1="],
            "type:chat": ["1=", "2="],
        }
        assert {
            index: sorted(one.id for one in await connections.find(index)) for index in expected
        } == expected

    run_connections(opened, story)


def test_one_of_several_gets_the_removed_connection(opened: Opened) -> None:
    async def story(connections: ConnectionStore, clock: Clock) -> None:
        await connections.add(connection("A="))
        removed = await asyncio.gather(*(connections.remove("A=") for _ in range(5)))
        assert [one for one in removed if one] == [connection("A=")]
        assert await connections.get("A=") is None
        assert await connections.find("booking:1") == []

    run_connections(opened, story)


def test_h_20_connections_are_forgotten_after_2_h_10_min(opened: Opened) -> None:
    async def story(connections: ConnectionStore, clock: Clock) -> None:
        await connections.add(connection("A="))
        clock.now += 600
        await connections.add(connection("B="))
        clock.now += LIFE - 600
        assert len(await connections.find("booking:1")) == 2 or not isinstance(connections, MemoryConnections)
        clock.now += 1
        assert await connections.find("booking:1") == [connection("B=")]
        clock.now += 600
        assert await connections.find("booking:1") == []

    run_connections(opened, story)


def test_h_20_no_trace_of_10_000_connections_is_left_in_memory() -> None:
    async def story() -> None:
        clock = Clock()
        connections = MemoryConnections(clock=clock)
        for number in range(10_000):
            await connections.add(connection(f"{number}=", str(number % 100), {"n": number}))
        clock.now += LIFE + 1
        assert await connections.get("1=") is None
        assert (connections._connections, connections._index) == ({}, {})

    asyncio.run(story())


def test_h_20_redis_forgets_by_itself(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url, decode_responses=True) as client:
            await client.flushdb()
            connections, answers = RedisConnections(client), RedisAnswers(client)
            await connections.add(connection("A="))
            await answers.claim("msg_1")
            keys = await client.keys("*")
            lives = {key: await client.ttl(key) for key in keys}
            assert len(keys) == 5
            assert all(0 < life <= LIFE for life in lives.values()), lives
            assert lives["{shelfshack}:answer:msg_1"] <= 600
            await answers.finish("msg_1", Answer(200, b"{}"))
            assert 590 < await client.ttl("{shelfshack}:answer:msg_1") <= 600
            await connections.remove("A=")
            assert await client.keys("*") == ["{shelfshack}:answer:msg_1"]

    asyncio.run(story())


def test_a_user_that_changes_afterwards_breaks_nothing() -> None:
    async def story() -> None:
        connections, user = MemoryConnections(), {"name": "alice"}
        await connections.add(connection("A=", user=user))
        user["name"] = "bob"
        assert await connections.remove("A=") == connection("A=")
        assert connections._index == {}

    asyncio.run(story())


def test_answers_are_shared_by_all_who_ask(opened: Opened) -> None:
    async def story(answers: AnswerStore) -> None:
        assert await answers.claim("msg_1") is None
        waiting = [asyncio.ensure_future(answers.claim("msg_1")) for _ in range(5)]
        await asyncio.sleep(0)
        await answers.finish("msg_1", REFUSAL)
        assert await asyncio.gather(*waiting) == [REFUSAL] * 5
        assert await answers.claim("msg_2") is None

    run_answers(opened, story)


def test_when_the_first_fails_one_other_takes_over(opened: Opened) -> None:
    async def story(answers: AnswerStore) -> None:
        assert await answers.claim("msg_1") is None
        waiting = [asyncio.ensure_future(answers.claim("msg_1")) for _ in range(3)]
        await asyncio.sleep(0)
        await answers.finish("msg_1", None)
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [None]
        await answers.finish("msg_1", Answer(204, b""))
        assert await asyncio.gather(*pending) == [Answer(204, b""), Answer(204, b"")]

    run_answers(opened, story)


def test_h_18_a_repeat_of_a_request_that_never_ends_is_sent_away(opened: Opened) -> None:
    async def story(answers: AnswerStore) -> None:
        assert await answers.claim("msg_1") is None
        waiting = [asyncio.ensure_future(answers.claim("msg_1")) for _ in range(3)]
        given = await asyncio.gather(*waiting, answers.claim("msg_1"))
        assert [answer and answer.status for answer in given] == [503] * 4
        await answers.finish("msg_1", Answer(204, b""))
        assert await answers.claim("msg_1") == Answer(204, b"")

    run_answers(opened, story, claim_seconds=0.3)


@pytest.mark.parametrize("answer", [None, Answer(200, b"{}")])
def test_h_18_a_worker_whose_claim_has_ended_leaves_the_claim_of_another_alone(
    redis_url: str, answer: Answer | None
) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            one, two, three = (RedisAnswers(client, claim_seconds=1) for _ in range(3))
            assert await one.claim("msg_1") is None
            await client.delete("{shelfshack}:answer:msg_1")
            assert await two.claim("msg_1") is None
            await one.finish("msg_1", answer)
            assert await three.claim("msg_1") == STILL_AT_WORK
            await two.finish("msg_1", Answer(204, b""))
            assert await three.claim("msg_1") == Answer(204, b"")

    asyncio.run(story())


def test_h_18_the_answer_of_a_worker_whose_claim_has_ended_is_remembered(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            answers = RedisAnswers(client, claim_seconds=0.1)
            assert await answers.claim("msg_1") is None
            await client.delete("{shelfshack}:answer:msg_1")
            assert await answers.claim("msg_1") == STILL_AT_WORK
            await answers.finish("msg_1", Answer(204, b""))
            assert await answers.claim("msg_1") == Answer(204, b"")

    asyncio.run(story())


def test_an_answer_in_redis_without_headers_reads_as_before(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            answers = RedisAnswers(client)
            await client.set("{shelfshack}:answer:msg_1", b'200{"a":1}')
            assert await answers.claim("msg_1") == Answer(200, b'{"a":1}')

    asyncio.run(story())


def test_answers_are_remembered_for_600_seconds() -> None:
    async def story() -> None:
        clock = Clock()
        answers = MemoryAnswers(clock=clock)
        for hanging in range(2):
            await answers.claim(f"msg_hangs_{hanging}")
        for number in range(1000):
            await answers.claim(f"msg_{number}")
            await answers.finish(f"msg_{number}", Answer(204, b""))
        clock.now += 600
        assert await answers.claim("msg_0") == Answer(204, b"")
        clock.now += 1
        assert await answers.claim("msg_0") is None
        assert (answers._answers, answers._bytes) == ({}, 0)

    asyncio.run(story())


def test_answers_hold_16_mib_at_most_and_the_oldest_go_first() -> None:
    async def story() -> None:
        answers = MemoryAnswers()
        for number in range(20):
            await answers.claim(f"msg_{number}")
            await answers.finish(f"msg_{number}", Answer(200, b"x" * 1024 * 1024))
        assert answers._bytes <= 16 * 1024 * 1024
        assert await answers.claim("msg_4") is None
        assert await answers.claim("msg_5") is not None

    asyncio.run(story())


def test_two_workers_share_one_redis(start: Start, redis_url: str) -> None:
    import redis.asyncio

    def worker() -> Application:
        client = redis.asyncio.from_url(redis_url)
        application = start(connections=RedisConnections(client), answers=RedisAnswers(client))
        application.app.get("/close")(client.aclose)
        return application

    one, two = worker(), worker()
    assert one.backend.send(connect_request("W=")).status == 200
    assert two.backend.send(message_request("W=", '"hi"', webhook_id="msg_m_w")).json["echo"] == "hi"
    assert one.backend.send(message_request("W=", '"hi"', webhook_id="msg_m_w")).json["echo"] == "hi"
    assert (len(one.seen.messages), len(two.seen.messages)) == (0, 1)
    assert two.backend.send(disconnect_request("W=")).status == 200
    assert one.backend.send(message_request("W=", '"hi"')).status == 401
    assert (one.seen.ended, two.seen.ended) == ([], ["W="])
    for application in (one, two):
        assert application.backend.http("GET", "/close").status == 200
