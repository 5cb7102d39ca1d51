"""The rejection codes, CATEGORY_CONDITION. A code never changes its meaning; a new condition gets a new code."""

from __future__ import annotations

CODES: dict[str, str] = {
    # A command that cannot be taken as it is (CommandRejected).
    "COMMAND_ID_INVALID": "the command id is empty, longer than 128 characters or not printable",
    "COMMAND_ID_CONFLICT": "the command id was used before with other content",
    "COMMAND_EXPIRED": "issued longer ago than ids are remembered",
    "COMMAND_AHEAD": "issued more than five minutes after the ledger's clock",
    "CLIENT_ORDER_ID_INVALID": "it is empty, over 48 characters or not printable, or gives another order id",
    "CLIENT_ORDER_ID_CONFLICT": "the client order id was used before with other content",
    "TEXT_INVALID": "a text is longer than 128 characters or not printable",
    "QUANTITY_NOT_FINITE": "the quantity is no finite number",
    "QUANTITY_OUT_OF_RANGE": "the quantity has more than 15 integer digits or 18 decimals",
    "PRICE_NOT_FINITE": "a price is no finite number",
    "PRICE_OUT_OF_RANGE": "a price has more than 15 integer digits or 18 decimals",
    "AMOUNT_NOT_FINITE": "the amount is no finite number",
    "AMOUNT_OUT_OF_RANGE": "the amount has more than 15 integer digits or 18 decimals",
    "AMOUNT_NOT_POSITIVE": "the amount is zero or below",
    "AMOUNT_OVER_PRECISE": "the amount is no whole number of cents",
    "ACCOUNT_UNKNOWN": "the account was never opened",
    "ACCOUNT_ALREADY_OPEN": "the account was opened before",
    "ACCOUNT_ID_INVALID": "the account id is empty, longer than 128 characters or not printable",
    "OWNER_INVALID": "the owner is empty, longer than 128 characters or not printable",
    "CURRENCY_INVALID": "the currency is no three capital letters (ISO 4217)",
    "FEE_INVALID": "the fee is no number from 0 to 10,000 basis points with at most 4 decimals",
    # A well-formed order that may not be placed (OrderRejected); the first two concern cash commands too.
    "CURRENCY_MISMATCH": "the currency is not the account's",
    "CASH_INSUFFICIENT": "the free cash does not cover it",
    "INSTRUMENT_UNKNOWN": "the symbol is not traded here",
    "QUANTITY_NOT_POSITIVE": "the quantity is zero or below",
    "QUANTITY_OVER_PRECISE": "the quantity is no multiple of the instrument's increment",
    "PRICE_REQUIRED": "a limit order lacks its limit price, or a market purchase its protection price",
    "PRICE_NOT_ALLOWED": "a market order has a limit price, or a limit order a protection price",
    "PRICE_NOT_POSITIVE": "a price is zero or below",
    "PRICE_OFF_INCREMENT": "a price is no multiple of the instrument's increment",
    "POSITION_INSUFFICIENT": "there are too few free units to sell",
    # An order that a cancellation or a report names (CommandRejected, ReportRejected).
    "ORDER_UNKNOWN": "there is no such order, or it was done so long ago that it is forgotten",
    "ORDER_NOT_OPEN": "the order is filled, canceled or rejected",
    # A report (ReportRejected).
    "EPOCH_STALE": "the report's dispatch epoch is over, or another worker holds the order in it",
    "EPOCH_UNKNOWN": "the report's dispatch epoch has not begun",
    "FILL_NOT_FINITE": "quantity, price or fee is no finite number",
    "FILL_OUT_OF_RANGE": "quantity, price or fee has more than 15 integer digits or 18 decimals",
    "FILL_NOT_POSITIVE": "quantity or price is zero or below",
    "FILL_OVER_PRECISE": "the quantity is no multiple of the instrument's increment",
    "FILL_EXCEEDS_LEAVES": "more was filled than the order has left",
    # An action that cannot be put on record as it was sent (ActionRefused).
    "ACTION_ID_INVALID": "the action id is empty, longer than 128 characters or not printable",
    "ACTION_ID_CONFLICT": "the action id was used before on this subject with other content",
    "ACTION_EXPIRED": "issued longer ago than ids are remembered",
    "ACTION_AHEAD": "issued more than five minutes after the audit agent's clock",
    "ACTION_NAME_INVALID": "the action's name is not of the form category.what_happened",
    "ACTION_TEXT_INVALID": "a text of the action is empty, too long or not printable, or there are too many",
}
