"""The hash of a tape record, on the raw bytes (design promise 2).

tape-hash = SHA-256( tag ‖ u64 seq ‖ prev ‖ bytes(key) ‖ bytes(value) ‖ u32 n ‖ n × ( bytes(name) ‖ bytes(header) ) )
bytes(x)  = u32 length ‖ x, and u32 0xFFFFFFFF alone where x is null; integers big-endian.
The n other headers are all but `tape-seq`, `tape-prev` and `tape-hash`, in the order of the record.
The first record's prev is the hash of its tape's name, so that no record can be moved to another tape.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import cast

from streams.codec import Headers

SEQ, PREV, HASH = "tape-seq", "tape-prev", "tape-hash"
CHAIN_HEADERS = frozenset({SEQ, PREV, HASH})
_RECORD_TAG = b"tapeledger:record:v1\n"
_GENESIS_TAG = b"tapeledger:genesis:v1\n"
_NULL = b"\xff\xff\xff\xff"
_u32 = struct.Struct(">I").pack
_u64 = struct.Struct(">Q").pack


def genesis(topic: str, partition: int) -> bytes:
    """What the first record of a tape names as its predecessor (32 bytes)."""
    name = topic.encode()
    return hashlib.sha256(_GENESIS_TAG + _u32(len(name)) + name + _u32(partition)).digest()


def record_hash(seq: int, prev: bytes, key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """SHA-256 of a record (32 bytes). seq: 1 for a tape's first record. headers: all; the chain's own are left out."""
    parts = [_RECORD_TAG, _u64(seq), prev]
    for field in (key, value):
        if field is None:
            parts.append(_NULL)
        else:
            parts += (_u32(len(field)), field)
    foreign = cast(list[tuple[str, bytes | None]], headers)  # Kafka allows null header values
    others = [header for header in foreign if header[0] not in CHAIN_HEADERS]
    parts.append(_u32(len(others)))
    for name, content in others:
        if content is None:
            parts += (_sized(name), _NULL)
        else:
            parts += (_sized(name), _u32(len(content)), content)
    return hashlib.sha256(b"".join(parts)).digest()


@lru_cache(maxsize=1_000)
def _sized(name: str) -> bytes:
    """A header's name behind its length: the same few names come with every record."""
    raw = name.encode()
    return _u32(len(raw)) + raw


def seal(seq: int, prev: bytes, key: bytes | None, value: bytes | None, headers: Headers) -> tuple[bytes, Headers]:
    """The record's hash and its headers with the chain's own added."""
    digest = record_hash(seq, prev, key, value, headers)
    chained = [
        *headers,
        (SEQ, str(seq).encode()),
        (PREV, prev.hex().encode()),
        (HASH, digest.hex().encode()),
    ]
    return digest, chained
