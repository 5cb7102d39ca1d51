"""How long an order is on its way to the market, in market time: a fixed part, and a jitter that follows from its id.

    delay = fixed + floor(u x (jitter + 1)),  u in [0, 1) from the first 8 bytes of SHA-256(`latency:` order id)

so each whole microsecond from `fixed` to `fixed + jitter` is as likely as another, and an order has the same delay
whoever computes it, and in every replay. It is the delay from the tick of a decision to the order being active; what
the machines take in wall time decides nothing.

Boundaries: orders that come over the API name no tick of a decision and are active from the tick after the venue got
them. Cancels and replacements take effect at the tick that the engine has reached; their way is not modelled.
"""

from __future__ import annotations

import hashlib


def delay_us(order_id: str, fixed_us: int, jitter_us: int) -> int:
    """Microseconds, from `fixed_us` to `fixed_us + jitter_us`, both included."""
    assert fixed_us >= 0, f"the fixed part is not negative, it was {fixed_us}"
    assert jitter_us >= 0, f"the jitter is not negative, it was {jitter_us}"
    u = int.from_bytes(hashlib.sha256(f"latency:{order_id}".encode()).digest()[:8], "big")
    return fixed_us + (u * (jitter_us + 1) >> 64)
