"""Which messages exist, under which type name and schema version.

The type name on the wire (CloudEvents `ce_type`) is `tapeledger.<Name>.v<version>`. A struct is always the newest
version; older ones are brought up to it by domain.upcasters when they are read.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from domain import actions, backtests, commands, events, market, reports, signals
from domain.errors import InvalidValue, UnreadableInput
from domain.upcasters import UPCASTERS

SIGNALS: tuple[type[msgspec.Struct], ...] = (signals.SignalGenerated, signals.SignalRefused)
INPUTS: tuple[type[msgspec.Struct], ...] = (
    signals.SignalRequested,
    market.Tick,
    actions.RecordAction,
    backtests.BacktestRequested,
    backtests.BacktestCancelled,
)
MESSAGES: tuple[type[msgspec.Struct], ...] = (
    *commands.COMMANDS,
    *reports.REPORTS,
    *events.LEDGER_EVENTS,
    *SIGNALS,
    *actions.AUDIT_EVENTS,
    *INPUTS,
)

# A message is at version 1 unless it stands here.
VERSIONS: dict[str, int] = {}

_NAME = re.compile(r"tapeledger\.([A-Za-z]+)\.v([0-9]+)")
_encoder = msgspec.json.Encoder(decimal_format="string")


def version_of(cls: type[msgspec.Struct]) -> int:
    return VERSIONS.get(cls.__name__, 1)


def type_name(cls: type[msgspec.Struct]) -> str:
    return f"tapeledger.{cls.__name__}.v{version_of(cls)}"


_BY_TYPE: dict[str, msgspec.json.Decoder[Any]] = {type_name(cls): msgspec.json.Decoder(cls) for cls in MESSAGES}
_TYPE_OF: dict[type[msgspec.Struct], str] = {cls: type_name(cls) for cls in MESSAGES}
_BY_NAME: dict[str, type[msgspec.Struct]] = {cls.__name__: cls for cls in MESSAGES}


def encode(message: msgspec.Struct) -> tuple[str, bytes]:
    """The type name and the JSON bytes of a message. Decimals are strings, so that no reader makes them floats."""
    return _TYPE_OF[type(message)], _encoder.encode(message)


def decode(type_: str, value: bytes) -> Any:
    """The message in `value`, brought up to the newest version.

    Raises UnreadableInput when the type is unknown or the value is no such message.
    """
    decoder = _BY_TYPE.get(type_)
    try:
        if decoder is not None:
            return decoder.decode(value)
        return _decode_older(type_, value)
    except (msgspec.DecodeError, InvalidValue, UnicodeDecodeError) as error:
        raise UnreadableInput(f"not a {type_}: {error}") from error


def _decode_older(type_: str, value: bytes) -> Any:
    match = _NAME.fullmatch(type_)
    cls = _BY_NAME.get(match[1]) if match else None
    if match is None or cls is None:
        raise UnreadableInput(f"unknown message type {type_!r}; expected one of {sorted(_BY_TYPE)}")
    name, version = match[1], int(match[2])
    data: dict[str, Any] = msgspec.json.decode(value, type=dict[str, Any])
    while version < version_of(cls):
        upcast = UPCASTERS.get((name, version))
        if upcast is None:
            raise UnreadableInput(f"{name} has no upcaster from version {version}; newest is {version_of(cls)}")
        data, version = upcast(data), version + 1
    if version != version_of(cls):
        raise UnreadableInput(f"{name} version {version} is newer than this program knows ({version_of(cls)})")
    return msgspec.convert(data, cls)
