"""Which partition a key belongs on."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts a key: murmur2, sign bit cleared, modulo the number of partitions."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
