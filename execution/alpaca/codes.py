"""Every code with which this adapter refuses an order or a replacement, CATEGORY_CONDITION.

ORDER_…: found here, nothing was sent. VENUE_…: what Alpaca said or has; the text repeats its words.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    "ORDER_NOTHING_LEFT": "there is no quantity above zero to execute",
    "ORDER_PRICE_MISSING": "the order's type needs a price that it does not have, or has two where one is needed",
    "ORDER_PRICE_INVALID": "a price or a trail is not above zero",
    "ORDER_PRICE_OFF_INCREMENT": "a price from one dollar on has more than two decimals, or one below more than four",
    "ORDER_QUANTITY_OVER_PRECISE": "the quantity has more than nine decimals",
    "ORDER_FRACTION_UNSUPPORTED": "a fraction of a share in an order that is not DAY, or in a trailing stop",
    "ORDER_TIME_IN_FORCE_UNSUPPORTED": "Alpaca has no such time in force, or not for this type of order",
    "ORDER_GROUP_UNSUPPORTED": "the order belongs to a group, of which Alpaca would not know",
    "ORDER_POST_ONLY_UNSUPPORTED": "Alpaca has no order that never takes liquidity",
    "ORDER_REDUCE_ONLY_UNSUPPORTED": "Alpaca has no order that never makes a position larger",
    "ORDER_PROTECTION_UNSUPPORTED": "a trailing stop with a protection price: Alpaca's ends as a market order",
    "ORDER_CHANGE_UNSUPPORTED": "the replacement changes what Alpaca cannot change, or the order is executed in part",
    "ORDER_CHANGE_MISSING": "the replacement has the terms that are worked already",
    "VENUE_BUYING_POWER_INSUFFICIENT": "403: the buying power does not cover it",
    "VENUE_POSITION_INSUFFICIENT": "403: there are too few shares to sell that no other order holds",
    "VENUE_SHORT_SALE_FORBIDDEN": "403 or 422: the account or the share may not be sold short",
    "VENUE_DAY_TRADE_FORBIDDEN": "403: protection against pattern day trading",
    "VENUE_WASH_TRADE_SUSPECTED": "403 or 422: an order on the other side is open",
    "VENUE_INSTRUMENT_UNKNOWN": "422: Alpaca does not know the symbol",
    "VENUE_INSTRUMENT_NOT_TRADABLE": "422: the symbol is not traded there now",
    "VENUE_TERMS_INVALID": "422: another condition of the terms",
    "VENUE_FORBIDDEN": "403: another condition",
    "VENUE_REQUEST_INVALID": "another answer of the kind 4xx",
    "VENUE_ACCESS_DENIED": "401: the keys are not accepted",
    "VENUE_NOT_FOUND": "404, or a replacement of an order that is not there",
    "VENUE_RATE_LIMITED": "429 to the end of the attempts: the order cannot exist",
    "VENUE_UNAVAILABLE": "no connection, or 5xx without doubt, to the end of the attempts: the order does not exist",
    "VENUE_ORDER_CONFLICT": "Alpaca has another order under this order's id",
    "VENUE_ORDER_MISSING": "part of the order was executed elsewhere, so it is not begun here",
    "VENUE_REJECTED": "the exchange rejected the order after Alpaca had taken it",
    "VENUE_REPLACE_REFUSED": "the exchange rejected the replacement; the old terms are worked on",
}
