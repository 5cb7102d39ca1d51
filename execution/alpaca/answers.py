"""What an answer of Alpaca's REST API means: taken, refused for good, or to be tried again.

Published (OpenAPI document of the Trading API): 403 buying power or shares are not sufficient, 422 the parameters are
not recognised or the order is not cancelable, 429 too many requests. The body is {"code": …, "message": …}.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from execution.venue import Refusal

_TEXT_MAX = 300
_BY_STATUS = {
    400: "VENUE_REQUEST_INVALID",
    401: "VENUE_ACCESS_DENIED",
    403: "VENUE_FORBIDDEN",
    404: "VENUE_NOT_FOUND",
    422: "VENUE_TERMS_INVALID",
    429: "VENUE_RATE_LIMITED",
}
_ID_IS_USED = re.compile(r"client[ _-]?order[ _-]?id must be unique", re.IGNORECASE)
_BY_WORDS = (
    ("buying power", "VENUE_BUYING_POWER_INSUFFICIENT"),
    ("insufficient balance", "VENUE_BUYING_POWER_INSUFFICIENT"),
    ("insufficient qty", "VENUE_POSITION_INSUFFICIENT"),
    ("short", "VENUE_SHORT_SALE_FORBIDDEN"),
    ("pattern day trad", "VENUE_DAY_TRADE_FORBIDDEN"),
    ("wash trade", "VENUE_WASH_TRADE_SUSPECTED"),
    ("not active", "VENUE_INSTRUMENT_NOT_TRADABLE"),
    ("not tradable", "VENUE_INSTRUMENT_NOT_TRADABLE"),
    ("asset", "VENUE_INSTRUMENT_UNKNOWN"),
)


class Answer(NamedTuple):
    """status: of HTTP. body: parsed by execution.alpaca.wire.loads, None when there was none that can be parsed.

    retry_after_s: what the server asks for, if it does.
    """

    status: int
    body: Any
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_to_be_tried_again(self) -> bool:
        """Whether the same request may succeed later: too many requests, or the server's own fault."""
        return self.status == 429 or self.status >= 500

    @property
    def leaves_doubt(self) -> bool:
        """Whether somebody between us and the order's home gave up waiting, so that it may be carried out yet."""
        return self.status in (408, 502, 504)

    @property
    def says_id_is_used(self) -> bool:
        """Whether the venue has an order under this client order id, even if it cannot show it yet."""
        return self.status == 422 and _ID_IS_USED.search(self.message) is not None

    @property
    def message(self) -> str:
        """What the venue says, cut to a length that a report can hold."""
        body = self.body if isinstance(self.body, dict) else {}
        code, text = body.get("code"), body.get("message")
        said = f"{text or 'no text'}" + ("" if code is None else f" (code {code})")
        return f"Alpaca answered {self.status}: {said}"[:_TEXT_MAX]


def refusal_of(answer: Answer) -> Refusal:
    """The refusal that an unsuccessful answer stands for. The text decides between the conditions of one status."""
    assert not answer.is_success, f"expected a refusal, it was {answer.status}"
    text = answer.message.lower()
    if answer.status in (403, 422):
        for words, code in _BY_WORDS:
            if words in text:
                return Refusal(code, answer.message)
    code = _BY_STATUS.get(answer.status, "VENUE_UNAVAILABLE" if answer.status >= 500 else "VENUE_REQUEST_INVALID")
    return Refusal(code, answer.message)
