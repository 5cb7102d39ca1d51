"""Limits of requests: the generic cell rate algorithm, in Redis for all processes, in each alone while it is away.

A quota of q a minute lets q requests through at once, and then one each 60/q seconds. The headers are those of
draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and `RateLimit`, as structured fields.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import NamedTuple

from api.problems import ProblemError
from api.security.store import Store
from runtime.patient_redis import RedisAway

WINDOW_US = 60_000_000
_BUCKETS_MAX = 10_000
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local next = full + tonumber(ARGV[1])
if next - now > tonumber(ARGV[2]) then return {0, full - now} end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return {1, next - now}
"""


class Verdict(NamedTuple):
    """name: of the policy. reset_s: until the whole quota is there again; retry_after_s: until one request is."""

    name: str
    is_allowed: bool
    quota: int
    remaining: int
    reset_s: int
    retry_after_s: int

    def headers(self) -> dict[str, str]:
        found = {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW_US // 1_000_000}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset_s}',
        }
        return found if self.is_allowed else found | {"Retry-After": str(self.retry_after_s)}

    def problem(self) -> ProblemError:
        return ProblemError(
            429,
            "RATE_LIMIT_EXCEEDED",
            f"expected at most {self.quota} requests a minute, there were more; try again in {self.retry_after_s} s",
            headers=self.headers(),
        )


def _interval_us(quota: int) -> int:
    """What one request takes up. A bucket holds a quota of these, WINDOW_US but for less than one."""
    return WINDOW_US // quota


def judge(name: str, quota: int, is_allowed: bool, ahead_us: int) -> Verdict:
    """ahead_us: how far the bucket is taken up."""
    interval_us = _interval_us(quota)
    free_us = quota * interval_us - ahead_us
    return Verdict(
        name=name,
        is_allowed=is_allowed,
        quota=quota,
        remaining=max(0, free_us // interval_us),
        reset_s=math.ceil(ahead_us / 1_000_000),
        retry_after_s=max(1, math.ceil((interval_us - free_us) / 1_000_000)),
    )


class Limiter:
    """Takes one request out of a bucket."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._script = store.script(_SCRIPT)
        self._local: OrderedDict[str, int] = OrderedDict()

    async def take(self, name: str, owner: str, quota: int) -> Verdict:
        """name: of the policy, such as user. quota: requests a minute, at least one."""
        try:
            taken, ahead_us = await self._store.run(
                self._script, [f"limit:{name}:{owner}"], [_interval_us(quota), quota * _interval_us(quota)]
            )
            return judge(name, quota, bool(taken), int(ahead_us))
        except RedisAway:
            return self.take_here(name, owner, quota, time.monotonic_ns() // 1_000)

    def take_here(self, name: str, owner: str, quota: int, now_us: int) -> Verdict:
        """The same in this process alone. now_us: a clock that never goes back, microseconds."""
        bucket, interval_us = f"{name}:{owner}", _interval_us(quota)
        full = max(self._local.get(bucket, now_us), now_us)
        if full + interval_us - now_us > quota * interval_us:
            return judge(name, quota, False, full - now_us)
        self._local[bucket] = full + interval_us
        self._local.move_to_end(bucket)
        while len(self._local) > _BUCKETS_MAX:
            self._local.popitem(last=False)
        return judge(name, quota, True, full + interval_us - now_us)
