"""Rebuilding a projection beside the live one, comparing the two, and switching the new one in (docs/adr/0034)."""
