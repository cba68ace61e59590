"""Pushing without a client's message: the real boto3 against an HTTP server that answers like API Gateway."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from conftest import Gateway
from shelfshack_ws import Connection, ShelfShack


def application(ended: list[str]) -> ShelfShack:
    return ShelfShack(
        authenticate=lambda *_: "user",
        on_message=lambda *_: None,
        on_disconnect=lambda connection: ended.append(connection.id),
        signing_keys="whsec_" + "A" * 43 + "=",
    )


def connection(gateway: Gateway, connection_id: str) -> Connection:
    return Connection(connection_id, "notification", None, "alice", gateway.url, time.time() - 60)


def test_a_frame_is_posted_to_the_connections_of_a_user(gateway: Gateway) -> None:
    async def story() -> None:
        ws = application([])
        await ws.connections.add(connection(gateway, "A1="))
        await ws.connections.add(connection(gateway, "B2="))
        pushed = await ws.push(
            await ws.connections_of(user="alice", type="notification"), {"type": "notice", "text": "ä"}
        )
        assert (sorted(pushed.sent), pushed.gone, pushed.failed) == (["A1=", "B2="], [], [])

    asyncio.run(story())
    content = '{"type":"notice","text":"ä"}'.encode()
    assert sorted(gateway.posts) == [(f"/abc/dev/@connections/{one}%3D", content) for one in ("A1", "B2")]
    assert all(
        "AKIDEXAMPLE/" in one and "/eu-central-1/execute-api/" in one for one in gateway.authorizations
    )


def test_h_13_gone_connections_are_forgotten_once(gateway: Gateway) -> None:
    ended: list[str] = []

    async def story() -> None:
        ws = application(ended)
        for name in ("A=", "gone-1", "forbidden-1", "large-1"):
            await ws.connections.add(connection(gateway, name))
        await ws.connections.add(replace(connection(gateway, "gone-new"), registered_at=time.time()))
        targets = ["A=", "gone-1", "gone-1", "gone-new", "forbidden-1", "large-1", "never"]
        for turn in range(2):
            pushed = await ws.push(targets, {"turn": turn})
            assert pushed.sent == ["A="]
            assert sorted(pushed.gone) == ["gone-1", "gone-new", "never"]
            assert sorted(pushed.failed) == ["forbidden-1", "large-1"]
        assert await ws.connections.get("gone-1") is None
        assert await ws.connections.get("gone-new") is not None

    asyncio.run(story())
    assert ended == ["gone-1"]


def test_gone_is_known_by_its_status_alone(gateway: Gateway) -> None:
    async def story() -> None:
        ws = application([])
        await ws.connections.add(connection(gateway, "nameless-1"))
        assert (await ws.push("nameless-1", {})).gone == ["nameless-1"]
        assert await ws.connections.get("nameless-1") is None

    asyncio.run(story())


def test_many_are_sent_at_most_ten_at_once(gateway: Gateway) -> None:
    async def story() -> None:
        ws = application([])
        names = [f"{number}=" for number in range(100)]
        for name in names:
            await ws.connections.add(connection(gateway, name))
        pushed = await ws.push(names, {})
        assert sorted(pushed.sent) == sorted(names)

    asyncio.run(story())
    assert len(gateway.posts) == 100
    assert gateway.most_at_once <= 10


def test_a_gateway_that_does_not_answer_is_a_failure_not_an_exception(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    async def story() -> Any:
        ws = application([])
        await ws.connections.add(
            replace(connection(gateway, "A="), callback_url="http://127.0.0.1:1/abc/dev")
        )
        return await ws.push("A=", {})

    assert asyncio.run(story()).failed == ["A="]


def test_a_connection_without_a_callback_url_is_a_failure() -> None:
    async def story() -> Any:
        ws = application([])
        await ws.connections.add(Connection("A=", "notification", None, "alice", None, time.time()))
        return await ws.push("A=", {})

    assert asyncio.run(story()).failed == ["A="]


def test_31_a_frame_over_128_kb_is_not_sent(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="131074 bytes"):
        asyncio.run(application([]).push("A=", "x" * 131_072))
    assert gateway.posts == []


def test_the_region_is_the_one_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client = application([])._client("https://abc.execute-api.ap-south-1.amazonaws.com/dev")
    assert client.meta.region_name == "ap-south-1"
