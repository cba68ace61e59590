"""Signed tokens (JWTs, HS256) with the standard library. A real application uses its login's tokens."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any


class TokenError(Exception):
    """Why a token is invalid; safe to show to the sender."""


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _signature(secret: bytes, signed: str) -> str:
    return _encode(hmac.digest(secret, signed.encode(), hashlib.sha256))


def make_token(secret: bytes, user: str, bookings: list[str], seconds: int) -> str:
    """A token for `user` and these bookings, valid for `seconds` from now."""
    header = _encode(b'{"alg":"HS256","typ":"JWT"}')
    claims = {"sub": user, "bookings": bookings, "exp": int(time.time()) + seconds}
    signed = f"{header}.{_encode(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(secret, signed)}"


def read_token(secret: bytes, token: str | None) -> dict[str, Any]:
    """The claims `sub`, `bookings` and `exp` of a valid token; raises TokenError otherwise."""
    if not token:
        raise TokenError("no token")
    signed, _, signature = token.rpartition(".")
    # Compared before anything is read, so that only our own tokens are parsed; `alg` is ignored.
    if not token.isascii() or not hmac.compare_digest(_signature(secret, signed), signature):
        raise TokenError("the token is not ours")
    claims: dict[str, Any] = json.loads(_decode(signed.split(".")[1]))
    if claims["exp"] <= time.time():
        raise TokenError("the token has expired")
    return claims
