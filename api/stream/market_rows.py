"""Ticks, bars, signals and their outcomes of the records that a batch read."""

from __future__ import annotations

from decimal import Decimal

from api.stream.bars import Bars, Print
from api.stream.changes import Encoded, encoded
from api.stream.places import Batches, arrays, within
from api.stream.source import Read
from api.stream.views import Signal, SignalOutcome, Tick, made, select

_tick, _signal, _outcome = made(Tick), made(Signal), made(SignalOutcome)
_TICKS = f"""
select {select(Tick)}, us_of_time(market_time) from {within("ticks.*", "ticks", offset="tick_offset")}
order by partition, tick_offset
"""
_SIGNALS = f"select {select(Signal)} from {within('signals.*', 'signals')} order by partition, record_offset"
_OUTCOMES = f"""
select {select(SignalOutcome)} from {within("signal_outcomes.*", "signal_outcomes")}
order by partition, record_offset, leg
"""


async def changes(read: Read, batches: Batches, bars: Bars) -> tuple[list[Encoded], set[str]]:
    """The ticks, signals and outcomes of these batches, bars that the ticks change, and the symbols of the ticks."""
    found: list[Encoded] = []
    prints: list[Print] = []
    if spans := batches.spans("ticks"):
        for row in await read.all(_TICKS, arrays(spans)):
            tick: Tick = _tick(row)
            seq = batches.seq("ticks", tick.partition, tick.tick_offset)
            assert seq is not None, f"tick {tick.partition}/{tick.tick_offset} is none of batch {batches.feed}"
            found.append(encoded(seq, "ticks", tick))
            prints.append(Print(seq, tick.symbol, row[-1], Decimal(tick.price), Decimal(tick.volume)))
        found += [encoded(seq, "bars", bar) for seq, bar in await bars.take(read, prints)]
    if spans := batches.spans("signals"):
        signals = [_signal(row) for row in await read.all(_SIGNALS, arrays(spans))]
        outcomes = [_outcome(row) for row in await read.all(_OUTCOMES, arrays(spans))]
        for told in (*signals, *outcomes):
            seq = batches.seq("signals", told.partition, told.record_offset)
            assert seq is not None, f"signal {told.partition}/{told.record_offset} is none of batch {batches.feed}"
            found.append(encoded(seq, "signals", told))
    return found, {tick.symbol for tick in prints}
