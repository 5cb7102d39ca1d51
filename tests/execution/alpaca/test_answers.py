"""What answers mean, and how long to wait before the next attempt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.alpaca.answers import Answer, refusal_of
from execution.alpaca.backoff import Backoff


def answer(status: int, message: str = "", code: int | None = None) -> Answer:
    body: dict[str, Any] = {"message": message} if code is None else {"code": code, "message": message}
    return Answer(status, body)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        # Texts from the issue threads of alpacahq's repositories and from docs.alpaca.markets.
        (403, "insufficient buying power", "VENUE_BUYING_POWER_INSUFFICIENT"),
        (403, "insufficient day trading buying power", "VENUE_BUYING_POWER_INSUFFICIENT"),
        (403, "insufficient qty available for order (requested: 5, available: 0)", "VENUE_POSITION_INSUFFICIENT"),
        (403, "account is not allowed to short", "VENUE_SHORT_SALE_FORBIDDEN"),
        (403, "trade denied due to pattern day trading protection", "VENUE_DAY_TRADE_FORBIDDEN"),
        (403, "potential wash trade detected. use complex orders", "VENUE_WASH_TRADE_SUSPECTED"),
        (422, "potential wash trade detected. use complex orders", "VENUE_WASH_TRADE_SUSPECTED"),
        (422, "asset AAPLX is not active", "VENUE_INSTRUMENT_NOT_TRADABLE"),
        (422, 'asset "XYZ" not found', "VENUE_INSTRUMENT_UNKNOWN"),
        (422, "invalid limit_price 290.123. sub-penny increment", "VENUE_TERMS_INVALID"),
        (403, "something else", "VENUE_FORBIDDEN"),
        (400, "request body format is invalid", "VENUE_REQUEST_INVALID"),
        (401, "request is not authorized", "VENUE_ACCESS_DENIED"),
        (404, "order not found", "VENUE_NOT_FOUND"),
        (429, "too many requests.", "VENUE_RATE_LIMITED"),
        (500, "internal server error occurred", "VENUE_UNAVAILABLE"),
        (418, "short and stout", "VENUE_REQUEST_INVALID"),
    ],
)
def test_refusals(status: int, message: str, code: str) -> None:
    """Each condition has one code, and the venue's own words go with it."""
    refusal = refusal_of(answer(status, message, status * 100_000))

    assert refusal.code == code
    assert message in refusal.text
    assert str(status) in refusal.text


@pytest.mark.parametrize(
    ("status", "again", "doubt"), [(200, 0, 0), (403, 0, 0), (429, 1, 0), (500, 1, 0), (504, 1, 1)]
)
def test_what_is_tried_again(status: int, again: int, doubt: int) -> None:
    """429 and 5xx are; a gateway's time-out leaves open whether the order is made."""
    assert answer(status).is_to_be_tried_again == bool(again)
    assert answer(status).leaves_doubt == bool(doubt)


@pytest.mark.parametrize("text", ["client_order_id must be unique", "client order id must be unique"])
def test_a_used_id_is_recognised(text: str) -> None:
    """In both spellings that Alpaca has used."""
    assert answer(422, text, 40010001).says_id_is_used
    assert not answer(422, "qty must be > 0", 40010001).says_id_is_used


@pytest.mark.parametrize("body", [None, [], "<html>", {"unexpected": 1}])
def test_a_body_of_another_form_does_no_harm(body: object) -> None:
    """A proxy's page instead of the API's answer."""
    assert refusal_of(Answer(403, body)).code == "VENUE_FORBIDDEN"


@given(st.integers(0, 2**32), st.text(max_size=40), st.integers(1, 200))
def test_waits_are_capped_doubling_and_repeatable(seed: int, key: str, attempt: int) -> None:
    """From half to the whole of 0.25 s doubled each time, never above 15 s, the same for the same seed."""
    backoff = Backoff(first_s=0.25, longest_s=15.0, seed=seed)
    whole = min(15.0, 0.25 * 2.0 ** (attempt - 1))

    assert whole / 2 <= backoff.wait_s(key, attempt) <= whole
    assert backoff.wait_s(key, attempt) == Backoff(0.25, 15.0, seed).wait_s(key, attempt)


def test_seeds_and_keys_spread_the_waits() -> None:
    """Workers with other seeds, and orders of one worker, do not come back all at once."""
    waits = {Backoff(1, 60, seed).wait_s(key, 3) for seed in range(10) for key in ("ord_1", "ord_2")}

    assert len(waits) == 20
