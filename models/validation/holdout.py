"""The last hold-out: samples that nothing learns from, released once per object, and every release counted.

A figure on a hold-out is honest the first time. Whoever looks again after changing something has begun to fit it, so
each look is written down before the samples are given out, and the count stands beside the figure. The key names the
market that was held out, not the model: SHA-256 over the data's identity, the symbols and the first and last day. Other
features, labels or models on the same hold-out count as further looks.

Boundaries: this object is a turnstile, not a lock; whoever has the bars can make the samples again. Verification:
tests/models/validation/test_holdout.py; that tuning sees nothing of it, test_tuning.py.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Protocol, Self

import msgspec
import numpy as np

from domain.errors import InvalidValue
from models.samples import Samples


class Touches(Protocol):
    """Where looks at hold-outs are counted, for good."""

    def touch(self, key: str, identity: str) -> int:
        """Write down that `identity` looks at the hold-out `key`; gives the number of looks so far, this one included.

        key: SHA-256 (hex). identity: what looks and why, for people. The same identity again sees what it saw: no look.
        Raises UnavailableError when it cannot be written; then nothing is released.
        """


class HoldOut:
    """Samples held out. key: see above; first, last: the first day decided and the last day that a label looks at."""

    def __init__(self, samples: Samples, *, data: str, touches: Touches) -> None:
        """data: the identity of the bars that the samples come from (models.marketdata.data_hash).

        Raises InvalidValue when there are no samples.
        """
        if not len(samples):
            raise InvalidValue("HOLD_OUT_EMPTY", "there are no samples to hold out")
        self.first: date = samples.decided.min().astype("datetime64[D]").astype(object)
        self.last: date = samples.ends.max().astype("datetime64[D]").astype(object)
        symbols = sorted(set(samples.symbol.tolist()))
        content = {"data": data, "symbols": symbols, "first": self.first, "last": self.last}
        self.key = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
        self._samples: Samples | None = samples
        self._touches = touches
        self._looks = 0

    @classmethod
    def split(cls, samples: Samples, first: date, *, data: str, touches: Touches) -> tuple[Samples, Self]:
        """(development, hold-out): decisions before `first` whose labels end before it, and decisions from it on.

        Raises InvalidValue when either is empty.
        """
        development = samples.ending_before(first)
        if not len(development):
            raise InvalidValue("HOLD_OUT_ALL", f"no label ends before {first}: nothing would be left to learn from")
        return development, cls(samples.where(samples.decided >= np.datetime64(first)), data=data, touches=touches)

    @property
    def looks(self) -> int:
        """How often this hold-out has been looked at so far, by what was counted; 0 before `open`."""
        return self._looks

    def open(self, reason: str) -> Samples:
        """Count a look and give the samples out. reason: what looks and why (the model's identity).

        Raises InvalidValue when no reason is given or this object was opened before; as `Touches.touch` does.
        """
        if not reason.strip():
            raise InvalidValue("HOLD_OUT_REASON", "a hold-out is opened for a reason; there was none")
        if self._samples is None:
            raise InvalidValue("HOLD_OUT_OPENED", f"the hold-out from {self.first} to {self.last} was opened before")
        looks = self._touches.touch(self.key, reason)
        if looks < 1:
            raise InvalidValue("HOLD_OUT_COUNT", f"a look is counted from 1 on, the count was {looks}")
        self._looks = looks
        samples, self._samples = self._samples, None
        return samples
