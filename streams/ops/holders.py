"""Which accounts something concerns that an issuer does to a symbol, as the projected tables have it.

The tables are asked when they have all that stood on the tape before, so no account is left out that had the symbol
when the question was put. Whoever got it since is found when the command is repeated.
Verification: tests/streams/ops/test_all_accounts.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg

from domain.errors import UnavailableError
from runtime.clients import postgres
from runtime.settings import Settings
from streams.asking.ask import TAPE
from streams.tape import end_offsets

_POLL_S = 0.1
_PROGRESS = "select partition, next_offset from projection_progress where projection = 'ledger' and topic = %s"
_WITH_SYMBOL = """
select account_id from lots where symbol = %(symbol)s and quantity <> 0
union select account_id from orders
    where symbol = %(symbol)s and status not in ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')
union select account_id from operator_actions
    where reference = %(reference)s and event_type = %(event_type)s and symbol = %(symbol)s
order by account_id
"""
_HELD_BEFORE = """
select account_id, sum(units) as units from (
    select account_id, case when side = 'BUY' then quantity else -quantity end as units
    from fills where symbol = %(symbol)s and market_time < time_of_us(%(before_us)s)
    union all
    select account_id, quantity_change
    from position_changes where symbol = %(symbol)s and market_time < time_of_us(%(before_us)s)
) as moved
group by account_id having sum(units) <> 0 order by account_id
"""


def with_symbol(settings: Settings, symbol: str, reference: str, event_type: str, wait_s: float) -> list[str]:
    """Accounts with units or open orders of a symbol now, and those that this very action was done to before.

    Raises UnavailableError when the tables cannot be read, or are behind the tape for longer than `wait_s`.
    """
    parameters = {"symbol": symbol, "reference": reference, "event_type": event_type}
    with _current(settings, wait_s) as connection:
        return [row[0] for row in connection.execute(_WITH_SYMBOL, parameters)]


def held_before(settings: Settings, symbol: str, before_us: int, wait_s: float) -> Mapping[str, Decimal]:
    """The units that each account held before a market time, long less short, as far as there are any.

    before_us: microseconds. Counted from fills, corrections and corporate actions of the symbol. Raises as above.
    """
    with _current(settings, wait_s) as connection:
        return dict(connection.execute(_HELD_BEFORE, {"symbol": symbol, "before_us": before_us}).fetchall())


@contextmanager
def _current(settings: Settings, wait_s: float) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """The tables, once they have what is on the tape at the call."""
    if not settings.database_url:
        raise UnavailableError("DATABASE_URL is not given, and no embedded server runs; `tape up` starts one")
    topic = settings.topic(TAPE)
    ends = end_offsets(settings, topic)
    deadline = time.monotonic() + wait_s
    try:
        with postgres(settings, connect_timeout=5, autocommit=True) as connection:
            while behind := _behind(dict(connection.execute(_PROGRESS, (topic,)).fetchall()), ends):
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"the tables lack {behind} records of {topic} after {wait_s:g} s, so it is not known which "
                        "accounts it concerns; is the projector up? Nothing was sent"
                    )
                time.sleep(_POLL_S)
            yield connection
    except psycopg.Error as error:
        raise UnavailableError(f"the tables cannot be read, nothing was sent: {error}") from error


def _behind(progress: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(max(0, end - progress.get(partition, 0)) for partition, end in ends.items())
