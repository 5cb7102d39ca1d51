"""Access tokens: what is forged, expired or for somebody else is refused, all of it in the same words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.problems import ProblemError
from api.security.tokens import Claims, Tokens
from runtime.settings import Settings

KEY, OTHER = "k" * 32, "o" * 48
READ = frozenset({"read"})


def settings(keys: str = KEY) -> Settings:
    return Settings(_env_file=None, auth_signing_keys=keys)


TOKENS = Tokens(settings())


def signed(key: str = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token put together by hand from RFC 7515: a good one, but for the changes; None leaves a claim out."""
    now = int(time.time())
    head = jwt.get_unverified_header(TOKENS.issue("ada", "key_1", READ)[0]) | (header or {})
    claims = {"iss": "tapeledger", "aud": "tapeledger-api", "sub": "ada", "cid": "key_1", "jti": "tok_1"}
    claims = {**claims, "scope": "read", "iat": now, "exp": now + 60} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    body = f"{_part(head)}.{_part(kept)}"
    return f"{body}.{_text(hmac.new(key.encode(), body.encode(), hashlib.sha256).digest())}"


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps({name: item for name, item in value.items() if item is not None}).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_good_token_says_who_it_is_for() -> None:
    """A token that was issued, and one that was put together by the RFC, are read."""
    token, token_id = TOKENS.issue("ada", "key_1", frozenset({"trade", "read"}))

    assert TOKENS.verify(token) == Claims(token_id, "ada", "key_1", frozenset({"read", "trade"}))
    assert TOKENS.verify(signed()) == Claims("tok_1", "ada", "key_1", READ)


def unsigned(algorithm: str) -> str:
    head, claims, _ = signed(header={"alg": algorithm}).split(".")
    return f"{head}.{claims}."


def by_rsa() -> str:
    """Signed with a private key of the sender's own, under our key's name."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    claims = jwt.decode(signed(), options={"verify_signature": False})
    return jwt.encode(claims, pem, "RS256", headers=jwt.get_unverified_header(signed()) | {"alg": "RS256"})


def by_another_hash() -> str:
    """A sound signature with our own key, by an algorithm that is not ours."""
    claims = jwt.decode(signed(), options={"verify_signature": False})
    return jwt.encode(claims, KEY, "HS512", headers=jwt.get_unverified_header(signed()) | {"alg": "HS512"})


def changed(place: int) -> str:
    """One character of one of the three parts is another."""
    parts = signed().split(".")
    parts[place] = parts[place][:-4] + ("A" if parts[place][-4] != "A" else "B") + parts[place][-3:]
    return ".".join(parts)


BAD = {
    "no algorithm": lambda: unsigned("none"),
    "no algorithm, in capitals": lambda: unsigned("NONE"),
    "no signature": lambda: unsigned("HS256"),
    "another key": lambda: signed(OTHER),
    "a public key's algorithm, our secret": lambda: signed(header={"alg": "RS256"}),
    "a public key's algorithm and key": by_rsa,
    "another hash": by_another_hash,
    "an unknown name of a key": lambda: signed(header={"kid": "0" * 16}),
    "a path for the name of a key": lambda: signed(header={"kid": "../../dev/null"}),
    "no name of a key": lambda: signed(header={"kid": None}),
    "another kind of token": lambda: signed(header={"typ": "JWT"}),
    "another issuer": lambda: signed(iss="elsewhere"),
    "another audience": lambda: signed(aud="elsewhere"),
    "several audiences": lambda: signed(aud=["tapeledger-api", "elsewhere"]),
    "expired": lambda: signed(exp=int(time.time()) - 1),
    "not yet": lambda: signed(nbf=int(time.time()) + 600),
    "issued in the future": lambda: signed(iat=int(time.time()) + 600),
    "no end": lambda: signed(exp=None),
    "no subject": lambda: signed(sub=None),
    "no id": lambda: signed(jti=None),
    "no key behind it": lambda: signed(cid=None),
    "a list of scopes": lambda: signed(scope=["read"]),
    "a changed header": lambda: changed(0),
    "changed claims": lambda: changed(1),
    "a changed signature": lambda: changed(2),
    "two parts": lambda: ".".join(signed().split(".")[:2]),
    "no parts": lambda: "eyJ",
    "no JSON": lambda: "eyJ!.eyJ!.x",
    "empty": lambda: "",
    "a megabyte": lambda: signed(sub="a" * 1_000_000),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    """Whatever is wrong, the answer is the same 401 CREDENTIAL_INVALID."""
    with pytest.raises(ProblemError) as caught:
        TOKENS.verify(BAD[name]())

    assert (caught.value.status, caught.value.code) == (401, "CREDENTIAL_INVALID")
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]


def test_keys_can_be_rotated() -> None:
    """The first key signs and all verify, so a key goes out of use once its tokens have expired."""
    old, _ = TOKENS.issue("ada", "key_1", READ)
    both, new_alone = Tokens(settings(f"{OTHER},{KEY}")), Tokens(settings(OTHER))
    new, _ = both.issue("ada", "key_1", READ)

    assert both.verify(old).user_id == both.verify(new).user_id == new_alone.verify(new).user_id == "ada"
    with pytest.raises(ProblemError):
        new_alone.verify(old)
    with pytest.raises(ProblemError):
        TOKENS.verify(new)


def test_without_a_signing_key_there_are_no_tokens() -> None:
    """Issuing says so; verifying refuses what is signed with an empty key."""
    none = Tokens(settings(""))
    with pytest.raises(ProblemError) as caught:
        none.issue("ada", "key_1", READ)
    assert (caught.value.status, caught.value.code) == (503, "TOKENS_OFF")
    with pytest.raises(ProblemError) as caught:
        none.verify(signed(""))
    assert caught.value.status == 401
