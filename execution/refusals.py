"""The codes with which the paper venue or the engine refuses an order or a replacement, CATEGORY_CONDITION.

A broker's adapter has its own besides (execution.alpaca.codes). They reach the ledger in ReportRefused and
ReportReplaceRefused. A code never changes its meaning.
"""

from __future__ import annotations

REFUSALS: dict[str, str] = {
    "ORDER_NOTHING_LEFT": "there is no quantity to execute",
    "ORDER_LIMIT_MISSING": "a limit or stop-limit order has no limit price",
    "ORDER_STOP_MISSING": "a stop or stop-limit order has no stop price",
    "ORDER_PRICE_INVALID": "a price, or a distance of a trailing stop, is no finite number above zero",
    "ORDER_TRAIL_INVALID": "a trailing stop has no distance or two of them, or one that leaves no price",
    "ORDER_EXPIRY_MISSING": "an order good till a date has no date",
    "ORDER_TIME_IN_FORCE_INVALID": "an order for an auction waits for a stop",
    "ORDER_SESSION_UNKNOWN": "the order needs a trading session, and none is known for its exchange and time",
    "ORDER_POST_ONLY_INVALID": "a post-only order is no limit order that can rest",
    "ORDER_POST_ONLY_WOULD_TAKE": "a post-only order would trade when it arrives",
    "ORDER_REPLACE_NOT_ALLOWED": "a replacement changes what cannot be replaced: side, type, time in force, post-only",
    "ORDER_ALREADY_TRIGGERED": "a replacement changes the stop of an order whose stop was met",
    "TICK_POSITION_UNKNOWN": "the order names a partition of ticks that does not exist",
}
