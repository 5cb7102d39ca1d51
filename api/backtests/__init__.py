"""Backtests as jobs: asked for and ended through the gateway; what became of them is read on the query side."""
