"""The key of each partition's desk: how a command reaches every ledger (docs/adr/0025).

Commands are spread over partitions by their keys alone, as Kafka's default partitioner has it. So the desk of
partition p has the key `desk:N` with the smallest N that lands on p: found without asking anybody, and the same for
every sender and ledger.
"""

from __future__ import annotations

from functools import lru_cache

from domain.checks import DESK_PREFIX
from streams.partitioning import partition_of


@lru_cache(maxsize=16)
def desk_keys(partitions: int) -> tuple[str, ...]:
    """The desk key of each partition, 0, 1, 2 …"""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:  # every partition is met: murmur2 spreads
        key = f"{DESK_PREFIX}{number}"
        found.setdefault(partition_of(key.encode(), partitions), key)
        number += 1
    return tuple(found[partition] for partition in range(partitions))


def desk_key(partition: int, partitions: int) -> str:
    return desk_keys(partitions)[partition]
