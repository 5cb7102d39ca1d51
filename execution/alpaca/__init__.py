"""Alpaca as a venue: REST for orders and reads, a WebSocket for what happens to them.

Boundaries: US equities as single orders; no options, crypto, notional amounts, extended hours or native order groups.
docs/how-to/trade-at-a-broker.md says what is supported, docs/adr/0020-alpaca-adapter.md why it is built like this.
"""

from execution.alpaca.venue import AlpacaVenue

__all__ = ["AlpacaVenue"]
