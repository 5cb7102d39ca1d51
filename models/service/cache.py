"""Predictions in Redis, for whoever asks the same again: `model:inference:{name}/{version}:{input_hash}`.

The hash covers the model's whole description, in which stands the SHA-256 of its bytes, and the rows bit by bit: a
version that was made again, or calibrated anew, never gets the old one's answers. What cannot be read there is made
again and written over. Redis away or slow: done without, at once (runtime.patient_redis).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

import msgspec

from models.classes import CLASSES
from models.engine.predictor import Predictor
from models.features import FEATURE_NAMES, Array
from runtime import metrics
from runtime.patient_redis import PatientRedis, RedisAway
from runtime.settings import Settings

_DOMAIN = b"tapeledger inference 1\n"
_SUM_ERROR_MAX = 1e-9


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a model says of rows. probabilities: in the order of CLASSES.

    contributions: (classes, features + 1), None where they were not asked for or the model has none.
    """

    probabilities: tuple[float, float, float]
    contributions: tuple[tuple[float, ...], ...] | None = None

    @property
    def is_sound(self) -> bool:
        """Whether it may have come from a model: finite numbers of the right shape, probabilities that sum to one."""
        if not all(0.0 <= p <= 1.0 for p in self.probabilities):
            return False
        if abs(sum(self.probabilities) - 1.0) > _SUM_ERROR_MAX:
            return False
        if self.contributions is None:
            return True
        right_shape = [len(own) for own in self.contributions] == [len(FEATURE_NAMES) + 1] * len(CLASSES)
        return right_shape and all(math.isfinite(value) for own in self.contributions for value in own)


class Cache:
    """Answers by key, for `model_cache_ttl_s`; with 0, or without a Redis, it finds nothing and keeps nothing."""

    def __init__(self, settings: Settings) -> None:
        self._ttl_s = settings.model_cache_ttl_s
        self._redis: PatientRedis | None = None
        if self._ttl_s and settings.redis_url:
            timeout_s = settings.model_cache_timeout_ms / 1_000
            self._redis = PatientRedis(settings, "predictions", timeout_s, text=False)
        self._descriptions: WeakKeyDictionary[Predictor, bytes] = WeakKeyDictionary()

    @property
    def is_on(self) -> bool:
        return self._redis is not None

    def key(self, model: Predictor, rows: Array) -> str:
        """rows: (steps, features), float64."""
        described = self._descriptions.get(model)
        if described is None:
            described = hashlib.sha256(msgspec.json.encode(model.meta, order="deterministic")).digest()
            self._descriptions[model] = described
        digest = hashlib.sha256(_DOMAIN)
        digest.update(described)
        digest.update(repr(rows.shape).encode())
        digest.update(rows.astype("<f8", copy=False).tobytes())
        return f"model:inference:{model.id}:{digest.hexdigest()}"

    async def find(self, keys: Sequence[str]) -> list[Answer | None]:
        """One round trip. MGET gives nothing for a key that holds no string, where GET would fail."""
        if self._redis is None or not keys:
            return [None] * len(keys)
        client = self._redis.client
        try:
            found = await self._redis.ask(lambda: client.mget(keys))
        except RedisAway:
            metrics.model_cache_lookups_total.labels(outcome="unavailable").inc(len(keys))
            return [None] * len(keys)
        return [_read(raw) for raw in found]

    async def keep(self, answers: Mapping[str, Answer]) -> None:
        """One round trip; whatever stands there is written over."""
        if self._redis is None or not answers:
            return
        client = self._redis.client

        async def write() -> None:
            async with client.pipeline(transaction=False) as pipe:
                for key, answer in answers.items():
                    pipe.set(key, msgspec.json.encode(answer), ex=self._ttl_s)
                await pipe.execute()

        try:
            await self._redis.ask(write)
        except RedisAway:
            return  # counted when it was looked for

    async def is_there(self) -> bool:
        """Whether Redis answers."""
        if self._redis is None:
            return False
        try:
            await self._redis.ask(self._redis.client.ping)
        except RedisAway:
            return False
        return True

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.close()


def _read(raw: bytes | None) -> Answer | None:
    found = None
    if raw is not None:
        try:
            found = msgspec.json.decode(raw, type=Answer)
        except msgspec.DecodeError:
            found = None
    sound = found if found is not None and found.is_sound else None
    outcome = "hit" if sound is not None else "miss" if raw is None else "corrupt"
    metrics.model_cache_lookups_total.labels(outcome=outcome).inc()
    return sound
