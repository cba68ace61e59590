"""50,000 hostile requests against the signature check: RefusedError only, nothing accepted by mistake."""

import json
import random

from conftest import Start
from proxy import KEY, OLD_KEY, message_request, sign
from shelfshack_ws import RefusedError, _all_fields, _message_fields, verify

PATH = "/api/ws/message"
NOW = 1_700_000_000
ODD = [
    "",
    " ",
    "\0",
    "\n",
    ",",
    ".",
    "=",
    "v1",
    "v1,",
    "ä",
    "٣",
    "\ud800",
    "é" * 40,
    "9" * 30,
    "nan",
    "{}",
    "[" * 2000,
    "\x7f",
    "None",
]
BODY = json.dumps({"v": 1, "path": PATH, "connection_id": "C=", "message": {"a": [1, "x", None]}}).encode()


def changed_text(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    return dice.choice(
        [
            text[:at] + dice.choice(ODD) + text[at:],
            text[:at],
            text[at:],
            text[::-1],
            dice.choice(ODD),
            text + text,
            text.swapcase(),
        ]
    )


def changed_bytes(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body))
    return dice.choice(
        [
            body[:at] + bytes([body[at] ^ 1 << dice.randrange(8)]) + body[at + 1 :],
            body[:at] + dice.randbytes(dice.randrange(1, 9)) + body[at:],
            body[:at],
            body[at + 1 :],
            dice.randbytes(dice.randrange(64)),
            body[:at] + b"[" * 3000 + body[at:],
        ]
    )


def test_50_000_changed_requests_are_all_refused() -> None:
    dice = random.Random(3)
    accepted = []
    for turn in range(50_000):
        body = BODY
        sent = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(NOW),
            "webhook-signature": sign(KEY, "msg_1", str(NOW), BODY),
            "x-connection-id": "C=",
        }
        path, before = PATH, dict(sent)
        for _ in range(dice.randrange(1, 3)):
            part = dice.choice([*sent, "body", "path"])
            if part == "body":
                body = changed_bytes(dice, body) if body else b"x"
            elif part == "path":
                path = changed_text(dice, path)
            else:
                sent[part] = changed_text(dice, sent[part])
        if (sent, body, path) == (before, BODY, PATH):
            continue
        try:
            verify([KEY, OLD_KEY], sent, body, {path}, NOW)
        except RefusedError:
            continue
        # Only a second copy of the right signature may stand beside the first.
        accepted.append((turn, sent, body, path))
    assert accepted == []


def test_10_000_signed_bodies_of_any_shape_raise_nothing_else() -> None:
    dice = random.Random(4)
    for _ in range(10_000):
        body = changed_bytes(dice, changed_bytes(dice, BODY) or b"x")
        sent = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(NOW),
            "webhook-signature": sign(KEY, "msg_1", str(NOW), body),
            "x-connection-id": "C=",
        }
        try:
            fields = verify([KEY], sent, body, {PATH}, NOW).fields
        except RefusedError:
            continue
        assert (fields["path"], fields["connection_id"]) == (PATH, "C=")


def test_1_000_changed_requests_over_http_all_get_the_same_401(start: Start) -> None:
    dice = random.Random(5)
    application = start()
    answers = set()
    for _ in range(1_000):
        request = message_request("C=", '{"a":1}')
        name = dice.choice(
            ["webhook-id", "webhook-timestamp", "webhook-signature", "x-connection-id", "body"]
        )
        if name == "body":
            request.body = changed_bytes(dice, request.body)
        else:
            request.headers[name] = dice.choice(
                ["", "v1", "ä", "9" * 30, request.headers[name][1:], "x" * 600]
            )
        reply = application.backend.send(request)
        answers.add((reply.status, reply.body))
    assert answers == {(401, b'{"detail":"unauthorized"}')}
    assert application.seen.messages == []


PIECES = [
    ',"message":',
    '"message":1',
    ",",
    "}",
    "{",
    "[",
    "]",
    '"',
    ":",
    " ",
    "\\",
    '"a":1',
    ',"path":"x"',
    "1e999",
    "NaN",
    "\ufeff",
    "\n",
    '{"query":{"a":1,"message":2}',
    "[" * 97,
    "]" * 97,
    "9" * 5000,
    '"m\\u0065ssage":3,',
]
MESSAGES = [
    '{"v":1,"path":"/p","connection_id":"C=","message":{"a":[1,"x",null],"message":{}}}',
    '{"v":1,"query":{"a":"b","message":"x"},"path":"/p","message":"\\"} "}',
    '{{"v":1,"path":"/p","message":{}1{}}}'.format("[" * 99, "]" * 99),
    '{"message":1,"message":2}',
    "{}",
]


def test_the_short_way_to_read_a_message_accepts_nothing_that_the_long_one_refuses() -> None:
    dice, read = random.Random(7), 0
    for _ in range(30_000):
        text = dice.choice(MESSAGES)
        for _ in range(dice.randrange(4)):
            at, end = sorted(dice.randrange(len(text) + 1) for _ in range(2))
            text = text[:at] + dice.choice(PIECES) + text[dice.choice([at, end]) :]
        short = _message_fields(text)
        if short is not None:
            read += 1
            assert short == _all_fields(text), text
    assert read > 3_000
