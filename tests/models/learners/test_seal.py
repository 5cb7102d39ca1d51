"""The line at the end of a model's bytes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UnreadableInput
from models.learners import seal


@given(st.binary(min_size=1))
def test_what_is_sealed_can_be_opened(body: bytes) -> None:
    """Any bytes come back as they were, also those that look like a seal themselves."""
    assert seal.opened("some", seal.sealed("some", body)) == body
    assert seal.opened("some", seal.sealed("some", seal.sealed("some", body))) == seal.sealed("some", body)


def test_the_line_can_be_checked_by_hand() -> None:
    """It says the kind and the SHA-256 of the kind, a line feed and the body."""
    assert seal.sealed("some", b"body").decode() == (
        f"body\ntapeledger some sha256:{hashlib.sha256(b'some' + bytes([10]) + b'body').hexdigest()}\n"
    )


@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_one_wrong_bit_anywhere_is_found(body: bytes, data: st.DataObject) -> None:
    """In the body, in the kind or in the hash."""
    whole = bytearray(seal.sealed("some", body))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(UnreadableInput):
        seal.opened("some", bytes(whole))


def test_a_model_of_another_kind_is_named() -> None:
    """A LightGBM model where XGBoost's is expected."""
    with pytest.raises(UnreadableInput, match="expected a model of kind xgboost, it was 'lightgbm'"):
        seal.opened("xgboost", seal.sealed("lightgbm", b"tree"))


@pytest.mark.parametrize("data", [b"", b"body", b"\ntapeledger some sha256:", seal.sealed("some", b"")])
def test_what_has_no_seal_or_nothing_before_it_is_no_model(data: bytes) -> None:
    """XGBoost ends the process when it reads an empty file: nothing at all is refused before."""
    with pytest.raises(UnreadableInput, match=f"not a model of kind some: {len(data)} bytes"):
        seal.opened("some", data)
