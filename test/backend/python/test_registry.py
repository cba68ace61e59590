"""Who is connected: the same tests for memory and Redis, with a clock of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from conftest import Application, Start
from proxy import connect_request, disconnect_request, message_request
from shelfshack_ws import STILL_AT_WORK, Answer, Connection, ConnectionRegistry, RedisConnectionRegistry, Registry

LIFE = 2 * 3600 + 600
REFUSAL = Answer(422, '{"detail":"ä"}'.encode(), {"retry-after": "2", "x-why": 'it\\says: "no"'})


class Clock:
    def __init__(self, claim_seconds: float = 30) -> None:
        self.now, self.claim_seconds = 1000.0, claim_seconds

    def __call__(self) -> float:
        return self.now


def connection(connection_id: str, booking: str | None = "1", user: Any = "alice", type: str = "booking") -> Connection:
    return Connection(connection_id, type, booking, user, "http://127.0.0.1:1/abc/dev", 1000.0, {"since": "9"})


Opened = Callable[[Clock], Any]


@pytest.fixture(params=["memory", "redis", "redis as text"])
def opened(request: pytest.FixtureRequest) -> Opened:
    @asynccontextmanager
    async def memory(clock: Clock) -> AsyncIterator[Registry]:
        yield ConnectionRegistry(clock=clock, claim_seconds=clock.claim_seconds)

    @asynccontextmanager
    async def in_redis(clock: Clock) -> AsyncIterator[Registry]:
        import redis.asyncio

        url = request.getfixturevalue("redis_url")
        async with redis.asyncio.from_url(url, decode_responses="text" in request.param) as client:
            await client.flushdb()
            yield RedisConnectionRegistry(client, clock=clock, claim_seconds=clock.claim_seconds)

    if request.param != "memory":
        request.getfixturevalue("redis_url")
    return memory if request.param == "memory" else in_redis


def run(opened: Opened, story: Callable[[Registry, Clock], Awaitable[None]], claim_seconds: float = 30) -> None:
    async def told() -> None:
        clock = Clock(claim_seconds)
        async with opened(clock) as registry:
            await story(registry, clock)

    asyncio.run(asyncio.wait_for(told(), 30))


def test_a_connection_is_found_by_id_booking_user_and_type(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        users: list[Any] = ["alice", {"id": 7, "name": "ä"}, "alice"]
        for number, user in enumerate(users):
            await registry.add(connection(f"{number}=", str(number % 2), user, "chat" if number else "feed"))
        found = await registry.get("1=")
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
        assert {index: sorted(one.id for one in await registry.find(index)) for index in expected} == expected

    run(opened, story)


def test_one_of_several_gets_the_removed_connection(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        await registry.add(connection("A="))
        removed = await asyncio.gather(*(registry.remove("A=") for _ in range(5)))
        assert [one for one in removed if one] == [connection("A=")]
        assert await registry.get("A=") is None
        assert await registry.find("booking:1") == []

    run(opened, story)


def test_h_20_connections_are_forgotten_after_2_h_10_min(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        await registry.add(connection("A="))
        clock.now += 600
        await registry.add(connection("B="))
        clock.now += LIFE - 600
        assert len(await registry.find("booking:1")) == 2 or not isinstance(registry, ConnectionRegistry)
        clock.now += 1
        assert await registry.find("booking:1") == [connection("B=")]
        clock.now += 600
        assert await registry.find("booking:1") == []

    run(opened, story)


def test_h_20_no_trace_of_10_000_connections_is_left_in_memory() -> None:
    async def story() -> None:
        clock = Clock()
        registry = ConnectionRegistry(clock=clock)
        for number in range(10_000):
            await registry.add(connection(f"{number}=", str(number % 100), {"n": number}))
        clock.now += LIFE + 1
        assert await registry.get("1=") is None
        assert (registry._connections, registry._index) == ({}, {})

    asyncio.run(story())


def test_h_20_redis_forgets_by_itself(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url, decode_responses=True) as client:
            await client.flushdb()
            registry = RedisConnectionRegistry(client)
            await registry.add(connection("A="))
            await registry.claim("msg_1")
            keys = await client.keys("*")
            lives = {key: await client.ttl(key) for key in keys}
            assert len(keys) == 5
            assert all(0 < life <= LIFE for life in lives.values()), lives
            assert lives["{shelfshack}:answer:msg_1"] <= 600
            await registry.settle("msg_1", Answer(200, b"{}"))
            assert 590 < await client.ttl("{shelfshack}:answer:msg_1") <= 600
            await registry.remove("A=")
            assert await client.keys("*") == ["{shelfshack}:answer:msg_1"]

    asyncio.run(story())


def test_a_user_that_changes_afterwards_breaks_nothing() -> None:
    async def story() -> None:
        registry, user = ConnectionRegistry(), {"name": "alice"}
        await registry.add(connection("A=", user=user))
        user["name"] = "bob"
        assert await registry.remove("A=") == connection("A=")
        assert registry._index == {}

    asyncio.run(story())


def test_answers_are_shared_by_all_who_ask(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        assert await registry.claim("msg_1") is None
        waiting = [asyncio.ensure_future(registry.claim("msg_1")) for _ in range(5)]
        await asyncio.sleep(0)
        await registry.settle("msg_1", REFUSAL)
        assert await asyncio.gather(*waiting) == [REFUSAL] * 5
        assert await registry.claim("msg_2") is None

    run(opened, story)


def test_when_the_first_fails_one_other_takes_over(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        assert await registry.claim("msg_1") is None
        waiting = [asyncio.ensure_future(registry.claim("msg_1")) for _ in range(3)]
        await asyncio.sleep(0)
        await registry.settle("msg_1", None)
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [None]
        await registry.settle("msg_1", Answer(204, b""))
        assert await asyncio.gather(*pending) == [Answer(204, b""), Answer(204, b"")]

    run(opened, story)


def test_h_18_a_repeat_of_a_request_that_never_ends_is_sent_away(opened: Opened) -> None:
    async def story(registry: Registry, clock: Clock) -> None:
        assert await registry.claim("msg_1") is None
        waiting = [asyncio.ensure_future(registry.claim("msg_1")) for _ in range(3)]
        answers = await asyncio.gather(*waiting, registry.claim("msg_1"))
        assert [answer and answer.status for answer in answers] == [503] * 4
        await registry.settle("msg_1", Answer(204, b""))
        assert await registry.claim("msg_1") == Answer(204, b"")

    run(opened, story, claim_seconds=0.3)


@pytest.mark.parametrize("answer", [None, Answer(200, b"{}")])
def test_h_18_a_worker_whose_claim_has_ended_leaves_the_claim_of_another_alone(
    redis_url: str, answer: Answer | None
) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            one, two, three = (RedisConnectionRegistry(client, claim_seconds=0.1) for _ in range(3))
            assert await one.claim("msg_1") is None
            await client.delete("{shelfshack}:answer:msg_1")
            assert await two.claim("msg_1") is None
            await one.settle("msg_1", answer)
            assert await three.claim("msg_1") == STILL_AT_WORK
            await two.settle("msg_1", Answer(204, b""))
            assert await three.claim("msg_1") == Answer(204, b"")

    asyncio.run(story())


def test_h_18_the_answer_of_a_worker_whose_claim_has_ended_is_remembered(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            registry = RedisConnectionRegistry(client, claim_seconds=0.1)
            assert await registry.claim("msg_1") is None
            await client.delete("{shelfshack}:answer:msg_1")
            assert await registry.claim("msg_1") == STILL_AT_WORK
            await registry.settle("msg_1", Answer(204, b""))
            assert await registry.claim("msg_1") == Answer(204, b"")

    asyncio.run(story())


def test_an_answer_in_redis_without_headers_reads_as_before(redis_url: str) -> None:
    import redis.asyncio

    async def story() -> None:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushdb()
            registry = RedisConnectionRegistry(client)
            await client.set("{shelfshack}:answer:msg_1", b'200{"a":1}')
            assert await registry.claim("msg_1") == Answer(200, b'{"a":1}')

    asyncio.run(story())


def test_answers_are_remembered_for_600_seconds() -> None:
    async def story() -> None:
        clock = Clock()
        registry = ConnectionRegistry(clock=clock)
        for hanging in range(2):
            await registry.claim(f"msg_hangs_{hanging}")
        for number in range(1000):
            await registry.claim(f"msg_{number}")
            await registry.settle(f"msg_{number}", Answer(204, b""))
        clock.now += 600
        assert await registry.claim("msg_0") == Answer(204, b"")
        clock.now += 1
        assert await registry.claim("msg_0") is None
        assert (registry._answers, registry._answers_bytes) == ({}, 0)

    asyncio.run(story())


def test_answers_hold_16_mib_at_most_and_the_oldest_go_first() -> None:
    async def story() -> None:
        registry = ConnectionRegistry()
        for number in range(20):
            await registry.claim(f"msg_{number}")
            await registry.settle(f"msg_{number}", Answer(200, b"x" * 1024 * 1024))
        assert registry._answers_bytes <= 16 * 1024 * 1024
        assert await registry.claim("msg_4") is None
        assert await registry.claim("msg_5") is not None

    asyncio.run(story())


def test_two_workers_share_one_redis(start: Start, redis_url: str) -> None:
    import redis.asyncio

    def worker() -> Application:
        client = redis.asyncio.from_url(redis_url)
        application = start(registry=RedisConnectionRegistry(client))
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
