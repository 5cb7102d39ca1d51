"""Standing still, comparing and switching: the live version and the new one at the very same positions.

While the live version's rows of progress are locked its projector waits in front of its next batch, and readers go on.
The new version is brought to the same positions and compared. To switch, the tables change places in the transaction
that holds the locks; then the projector goes on, at the same positions, and finds the new tables under the old names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec

from projections import progress
from projections.groups import sharing
from projections.progress import Connection
from projections.rebuild import compare, onrecord, swap, versions
from projections.rebuild.build import Build
from projections.rebuild.compare import Result
from projections.rebuild.onrecord import Order
from projections.rebuild.tables import VersionError
from projections.rows import Cursor
from projections.sources import Positions
from runtime.settings import Settings


class Teller(Protocol):
    """How a rebuild talks to who has asked for it."""

    def say(self, text: str) -> None:
        """What it does now."""

    def check(self) -> None:
        """Raises when it is to stop."""

    def hold(self) -> None:
        """From now on `check` alone stops it, and nothing is broken off in between."""


class Differences(VersionError):
    """The new version's rows are not those of the live one."""

    def __init__(self, result: Result) -> None:
        super().__init__(
            f"{result.text()}; nothing was switched. If that is what the new program is meant to write, "
            "`--accept-differences REASON` switches all the same, and puts the reason on record"
        )
        self.result = result


class Still(NamedTuple):
    """Both versions stand at `limits`, the live one since `began` (monotonic, s)."""

    limits: Positions
    began: float

    def told(self, result: Result) -> Result:
        """The result, with how long this took."""
        return msgspec.structs.replace(result, stood_still_s=time.monotonic() - self.began)


@contextmanager
def standing_still(
    settings: Settings, connection: Connection, build: Build, check: Callable[[], None]
) -> Iterator[Still]:
    """A transaction in which neither the group nor one that shares its tables is projected."""
    with connection.transaction():
        connection.execute("set local lock_timeout = '30s'")
        for group in sorted(sharing(build.group), key=lambda one: one.name):
            progress.load(connection, group, settings.topic(group.topic), lock=True)
        began = time.monotonic()
        limits = build.live()
        build.advance(limits, check)
        build.derive()
        yield Still(limits, began)


def verify(settings: Settings, connection: Connection, build: Build, teller: Teller) -> Result:
    """Compare both versions while they stand still, and write down what came of it."""
    with standing_still(settings, connection, build, teller.check) as still:
        result = _compare(connection, build, still.limits, teller)
        _write_down(connection.cursor(), build, result)
    return still.told(result)


def switch(
    settings: Settings, connection: Connection, build: Build, order: Order, accepted: str | None, teller: Teller
) -> Result:
    """Compare both versions, and put the new one in the place of the live one.

    accepted: why differences are accepted; None: they are not, and raise Differences. Raises VersionError when the
    tables do not get free, and then nothing was switched.
    """
    with standing_still(settings, connection, build, teller.check) as still:
        result = _compare(connection, build, still.limits, teller)
        if not result.differing or accepted is not None:
            teller.say("waiting for readers that began before")
            teller.hold()
            with connection.cursor() as cursor:
                _exchange(cursor, build, result, order, accepted, teller)
        else:
            _write_down(connection.cursor(), build, result)
    if result.differing and accepted is None:
        raise Differences(still.told(result))
    return still.told(result)


def _exchange(cursor: Cursor, build: Build, result: Result, order: Order, accepted: str | None, teller: Teller) -> None:
    """The tables change places, the versions change states, and what was done is on record."""
    swap.wait_for_older_snapshots(cursor, teller.check)
    found = swap.dependents(cursor, build.group)
    swap.lock(cursor, build.group, build.version.schema, found, teller.check)
    versions.under_construction(cursor.connection, build.group)  # no migration came in before the locks
    old = versions.live(cursor.connection, build.group)
    retired = f"tape_{build.group.name}_v{old.version}"
    swap.exchange(cursor, build.group, build.version.schema, retired, found)
    versions.change_places(cursor, old, retired, build.version)
    _write_down(cursor, build, result)
    if result.differing:  # last of what waits: every group's batches count on this row
        cursor.execute("update feed_head set feed = feed + 1, replaced_at = feed + 1")
    details = {
        "from_version": str(old.version),
        "to_version": str(build.version.version),
        "positions": ", ".join(f"{partition}:{offset}" for partition, offset in sorted(result.positions.items())),
        "verified": result.text(),
    }
    if result.differing and accepted is not None:
        details["accepted"] = accepted
    onrecord.put(cursor, onrecord.SWITCHED, f"projection {build.group.name}", order, details)


def _compare(connection: Connection, build: Build, limits: Positions, teller: Teller) -> Result:
    group, version = build.group, build.version

    def tell(table: str) -> None:
        teller.check()
        teller.say(f"comparing {table}")

    return Result(
        projection=group.name,
        version=version.version,
        positions={partition: offset for partition, (offset, _) in limits.items()},
        tables=compare.compare(connection, version.schema, group.tables, tell),
    )


def _write_down(cursor: Cursor, build: Build, result: Result) -> None:
    cursor.execute(
        """update projection_versions set verified_at = now(), differing_rows = %s
           where projection = %s and version = %s""",
        (result.differing, build.version.projection, build.version.version),
    )
