"""Marks: the prices that the ledger's checks of risk and margin look at, told to every partition's desk.

`book` decides which prices are worth telling, `sender` sends them, `worker` follows `market.ticks`.
"""
