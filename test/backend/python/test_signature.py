"""The signature check, called directly: vectors of the contract and the attack table."""

import base64
import json
from typing import Any

import pytest

from proxy import KEY, OLD_KEY, OLD_SECRET, SECRET, sign
from shelfshack_ws import RefusedError, ShelfShack, read_keys, verify

PATH = "/api/ws/message"
NOW = 1_700_000_000
BODY = json.dumps({"v": 1, "path": PATH, "connection_id": "C=", "message": "hi"}).encode()


def headers(body: bytes = BODY, **changed: str) -> dict[str, str]:
    """Right headers for `body`, except for what is given, with underscores for hyphens."""
    given = {name.replace("_", "-"): value for name, value in changed.items()}
    full = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "x-connection-id": "C=", **given}
    full.setdefault("webhook-signature", sign(KEY, full["webhook-id"], full["webhook-timestamp"], body))
    return full


def refused(
    sent: dict[str, str], body: bytes = BODY, *, path: str = PATH, now: float = NOW, keys: Any = (KEY,)
) -> str:
    with pytest.raises(RefusedError) as caught:
        verify(keys, sent, body, {path}, now)
    return str(caught.value)


def test_the_vectors_of_the_contract() -> None:
    key = read_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")[0]
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    vector = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": signature,
        "x-connection-id": "C=",
    }
    # This body has no path: it passes the signature and is refused for what the contract adds.
    assert refused(vector, b'{"test": 2432232314}', now=1614265330, keys=[key]) == "path or connection id"

    body = b'{"path":"/api/ws/message","connection_id":"C=","body":"hi"}'
    sent = headers(body, webhook_signature="v1,7E3ap/MU73dmeF1jf+EYhGAK3A4C/13pGIaHBFV103g=")
    assert verify([KEY], sent, body, {PATH}, NOW).fields["body"] == "hi"


def test_a_good_request_passes() -> None:
    request = verify([KEY], headers(), BODY, {PATH}, NOW)
    assert (request.id, request.fields["message"], request.message_text) == ("msg_1", "hi", '"hi"')


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature", "x-connection-id"])
def test_each_missing_header_is_refused(name: str) -> None:
    sent = headers()
    del sent[name]
    refused(sent)


def test_no_headers_at_all_are_refused() -> None:
    refused({})


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_the_clocks_may_differ_by_five_minutes(seconds: int, accepted: bool) -> None:
    if accepted:
        verify([KEY], headers(), BODY, {PATH}, NOW + seconds)
    else:
        assert refused(headers(), now=NOW + seconds) == "timestamp"


def test_a_flipped_bit_at_every_position_is_refused() -> None:
    for position in range(len(BODY) * 8):
        changed = bytearray(BODY)
        changed[position // 8] ^= 1 << position % 8
        assert refused(headers(), bytes(changed)) == "signature"


def test_a_body_for_another_path_is_refused() -> None:
    assert refused(headers(), path="/api/ws/disconnect") == "path or connection id"


@pytest.mark.parametrize("swapped", ["D=", "C", "c=", "C=, C=", "C= ", ""])
def test_a_swapped_connection_id_is_refused(swapped: str) -> None:
    assert refused(headers(x_connection_id=swapped)) == "path or connection id"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_swapped_id_or_time_is_refused(name: str) -> None:
    assert (
        refused({**headers(), name: {"webhook-id": "msg_2", "webhook-timestamp": str(NOW + 1)}[name]})
        == "signature"
    )


@pytest.mark.parametrize(
    "timestamp",
    [
        "nan",
        "inf",
        "1e18",
        "+1700000000",
        "-1700000000",
        "17000000000",
        "170000000",
        "١٧٠٠٠٠٠٠٠٠",
        "1700000000\n",
        " 1700000000",
        "1_700_000_00",
        "0x65539100",
        "1700000000.0",
        "",
    ],
)
def test_odd_timestamps_are_refused_although_signed(timestamp: str) -> None:
    assert refused(headers(webhook_timestamp=timestamp)) == "headers"


@pytest.mark.parametrize(
    "request_id", ["", "1", "msg_", "msg_1\n", "msg_a.b", "msg_ä", "msg_" + "a" * 161, "MSG_1"]
)
def test_odd_ids_are_refused_although_signed(request_id: str) -> None:
    assert refused(headers(webhook_id=request_id)) == "headers"


GOOD = sign(KEY, "msg_1", str(NOW), BODY)
WRONG = "v1," + base64.b64encode(b"x" * 32).decode()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1a",
        GOOD.replace(",", ""),
        GOOD.replace(",", ",,"),
        GOOD + ",",
        GOOD + "\n",
        GOOD[:-1],
        GOOD + "=",
        GOOD.replace("v1,", "v1a,"),
        GOOD.replace("v1,", "v2,"),
        GOOD.lower(),
        "v1,ä" + GOOD[4:],
        "v1,\u0661" + GOOD[4:],
        "v1,!!!!",
        " ".join([WRONG] * 100),
        " ".join([WRONG] * 99 + [GOOD]),
        " ".join([WRONG] * 4 + [GOOD]),
        GOOD.replace(" ", "\t"),
        GOOD + "\tv1,",
        "v1, " + GOOD[3:],
        f"{WRONG},{GOOD}",
    ],
)
def test_odd_signatures_are_refused(signature: str) -> None:
    if signature == GOOD:
        verify([KEY], headers(webhook_signature=signature), BODY, {PATH}, NOW)
    else:
        assert refused(headers(webhook_signature=signature)) in ("signature", "headers")


def test_one_right_signature_of_two_is_enough() -> None:
    verify([KEY], headers(webhook_signature=f"{WRONG} {GOOD}"), BODY, {PATH}, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"5",
        b"null",
        b"{",
        b"{}",
        b"{]",
        b"{1:2}",
        b'{"a":1,}',
        b'{"a" 1}',
        b'{"a":}',
        b'{"a":[}',
        b'{"path":NaN}',
        b"[" * 65_000,
        b'{"a":' + b"[" * 65_000,
        b'{"a":' * 65_000,
        BODY + b"x",
        BODY + b"{}",
        b"\xef\xbb\xbf" + BODY,
        BODY[:-1] + b', "path": "/api/ws/message"}',
        BODY[:-1] + b', "connection_id": "C="}',
        b'{"path":"/api/ws/message"}',
        b'{"path":["/api/ws/message"],"connection_id":"C="}',
        b'{"path":{},"connection_id":"C="}',
        b'{"path":null,"connection_id":null}',
    ],
)
def test_odd_bodies_are_refused_although_signed(body: bytes) -> None:
    assert refused(headers(body), body) in ("json", "path or connection id", "key twice")


@pytest.mark.parametrize(
    ("keys", "signers", "accepted"),
    [
        ([OLD_KEY], [OLD_KEY], True),
        ([OLD_KEY], [KEY, OLD_KEY], True),
        ([KEY, OLD_KEY], [OLD_KEY], True),
        ([KEY, OLD_KEY], [KEY, OLD_KEY], True),
        ([KEY, OLD_KEY], [KEY], True),
        ([KEY], [KEY, OLD_KEY], True),
        ([KEY], [KEY], True),
        ([KEY], [OLD_KEY], False),
    ],
)
def test_h_32_no_step_of_a_rotation_is_refused_and_afterwards_the_old_key_is(
    keys: list[bytes], signers: list[bytes], accepted: bool
) -> None:
    sent = headers(webhook_signature=" ".join(sign(key, "msg_1", str(NOW), BODY) for key in signers))
    if accepted:
        verify(keys, sent, BODY, {PATH}, NOW)
    else:
        assert refused(sent, keys=keys) == "signature"


def test_without_a_key_nothing_passes() -> None:
    for key in (b"", b"\0" * 32):
        assert refused(headers(webhook_signature=sign(key, "msg_1", str(NOW), BODY)), keys=[]) == "signature"


def test_keys_are_read_from_one_variable() -> None:
    assert read_keys(SECRET) == [KEY]
    assert read_keys(f"{SECRET},{OLD_SECRET}") == read_keys(f" {SECRET} {OLD_SECRET}\n") == [KEY, OLD_KEY]
    assert read_keys("") == []


@pytest.mark.parametrize(
    "text",
    [
        "whsec_",
        "whsec_AAAA",
        SECRET.rstrip("="),
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        SECRET.removeprefix("whsec_"),
        SECRET.upper(),
        "whsec_" + "!" * 44,
        "whsec_ä" + SECRET[7:],
        f"{SECRET},whsec_",
        f"{SECRET},{SECRET},{SECRET}",
    ],
)
def test_odd_keys_are_named_without_showing_them(text: str) -> None:
    with pytest.raises(ValueError, match="SIGNING_KEYS") as caught:
        read_keys(text)
    assert all(word[6:] not in str(caught.value) for word in text.split(",") if len(word) > 6)


def test_the_application_does_not_start_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNING_KEYS", raising=False)
    hooks: Any = {"authenticate": lambda *_: "user", "on_message": lambda *_: None}
    with pytest.raises(ValueError, match="SIGNING_KEYS is not set"):
        ShelfShack(**hooks)
    ShelfShack(**hooks, allow_unsigned=True)
    monkeypatch.setenv("SIGNING_KEYS", SECRET)
    ShelfShack(**hooks)
