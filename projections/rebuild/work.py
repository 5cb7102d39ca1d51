"""What `tape projections` does, apart from how it looks: one function for each command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from domain.errors import InvalidValue
from projections import marks, progress
from projections.groups import Group
from projections.marks import Skip, Stop
from projections.progress import Connection
from projections.rebuild import onrecord, switch, tables, versions
from projections.rebuild.build import Build
from projections.rebuild.compare import Result
from projections.rebuild.onrecord import Order
from projections.rebuild.switch import Teller
from projections.rebuild.tables import VersionError
from projections.rebuild.versions import Version
from projections.runner import BATCH_RECORDS_MAX
from projections.sources import Positions, record_sha256
from runtime.clients import postgres, postgres_projector
from runtime.settings import Settings
from streams.tape import Chain, read_range

_NEAR_RECORDS = 5_000
_LAPS_MAX = 50
Told = Callable[[Build, int], None]
"""Called with the build and how many records it still lacks."""


def rebuild(
    settings: Settings, group: Group, teller: Teller, told: Told, batch_records_max: int = BATCH_RECORDS_MAX
) -> Version:
    """Make a version, or go on with the one that was begun, until it is next to the live one: then it is READY.

    Raises VersionError, ChainError, Poison, UnavailableError; run again, it goes on from its progress.
    """
    with versions.at_work(settings, group) as connection:
        if not progress.load(connection, group, settings.topic(group.topic)):
            raise VersionError(f"{group.name} has projected nothing yet: the projector fills it from the beginning")
        group = tables.present(connection, group)
        version = versions.under_construction(connection, group) or versions.begin(connection, group)
        teller.say(f"{version} in schema {version.schema}")
        with _building(settings, group, version, batch_records_max) as build:
            _catch_up(build, teller, told)
            teller.say("computing what hangs on other projections")
            build.derive()
            teller.say("statistics and aggregates")
            build.settle()
            _catch_up(build, teller, told)
        versions.mark(connection.cursor(), version, "READY")
        return version._replace(state="READY")


def _catch_up(build: Build, teller: Teller, told: Told) -> None:
    """Follow the live version, lap by lap, until it is near."""
    for _ in range(_LAPS_MAX):
        limits = build.live()

        def came_on(limits: Positions = limits) -> None:
            teller.check()
            told(build, build.missing(limits))

        told(build, build.missing(limits))
        build.advance(limits, came_on)
        if build.missing(build.live()) <= _NEAR_RECORDS:
            return
    raise VersionError(
        f"{build.version} does not catch up: the live version comes on as fast; run it when there is less"
    )


def verify(settings: Settings, group: Group, teller: Teller) -> Result:
    """Compare the version under construction with the live one, at the same positions."""
    with _under_construction(settings, group) as (connection, build):
        return switch.verify(settings, connection, build, teller)


def switch_in(
    settings: Settings, group: Group, order: Order, accepted: str | None, teller: Teller, told: Told
) -> Result:
    """Compare and switch. Raises switch.Differences unless there are none, or `accepted` says why they are right."""
    order.checked()
    if accepted is not None:
        Order(order.actor, accepted).checked()
    with _under_construction(settings, group) as (connection, build):
        _catch_up(build, teller, told)
        result = switch.switch(settings, connection, build, order, accepted, teller)
    return result


def drop(settings: Settings, group: Group, number: int | None, order: Order) -> Version:
    """Remove a version that is not live."""
    order.checked()
    with versions.at_work(settings, group) as connection:
        return versions.drop(connection, tables.present(connection, group), number, order)


def skip(settings: Settings, group: Group, partition: int, offset: int, order: Order) -> Skip:
    """Mark the record at which a version of the group stands still as one that is passed over.

    Raises InvalidValue when none stands still there, or the tape is not what was written there.
    """
    order.checked()
    topic = settings.topic(group.topic)
    with postgres(settings, autocommit=True, options="-c timezone=UTC") as connection:
        stop = _stop_at(connection, group, partition, offset)
        (record,) = read_range(settings, topic, partition, offset, offset + 1)
        if group.is_tape:
            Chain.head_of(record)
        sha256 = record_sha256(record, is_tape=group.is_tape)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                """insert into projection_skips
                       (projection, topic, partition, record_offset, sha256, type, actor, reason)
                   values (%s, %s, %s, %s, %s, %s, %s, %s)
                   on conflict (projection, topic, partition, record_offset) do update set sha256 = excluded.sha256,
                       type = excluded.type, actor = excluded.actor, reason = excluded.reason, marked_at = now()""",
                (group.name, topic, partition, offset, sha256, stop.type, order.actor, order.reason),
            )
            details = {
                "projection": group.name,
                "sha256": sha256.hex(),
                "type": stop.type or "",
                "problem": stop.problem,
            }
            onrecord.put(cursor, onrecord.SKIPPED, f"{topic}:{partition}:{offset}", order, details)
        (found,) = [
            one
            for one in marks.all_skips(connection)
            if (one.projection, one.topic, one.partition, one.offset) == (group.name, topic, partition, offset)
        ]
        return found


def _stop_at(connection: Connection, group: Group, partition: int, offset: int) -> Stop:
    """Where a version stands still. Raises InvalidValue unless it is there."""
    stops = stops_of(connection, group)
    found = next((stop for stop in stops if (stop.partition, stop.offset) == (partition, offset)), None)
    if found is None:
        where = "; ".join(map(str, stops)) or f"projection {group.name} does not stand still"
        raise InvalidValue(
            "SKIP_REFUSED",
            f"only the record at which a projection stands still can be skipped, and that is not partition "
            f"{partition}, offset {offset}: {where}",
        )
    if not found.is_whole:
        raise InvalidValue("SKIP_REFUSED", f"the tape is not what was written, and that cannot be skipped: {found}")
    return found


def stops_of(connection: Connection, group: Group) -> list[Stop]:
    """Where versions of the group stand still."""
    found = []
    for version in versions.versions(connection, group.name):
        if version.state != "RETIRED":
            stop = marks.stop_of(connection, group.name, version.schema)
            found += [] if stop is None else [stop]
    return found


def send_actions(settings: Settings) -> int:
    """Put on `audit.logs` what waits for it; how many actions those were."""
    with postgres_projector(settings, autocommit=True) as connection:
        return onrecord.send_waiting(settings, connection)


@contextmanager
def _building(
    settings: Settings, group: Group, version: Version, batch_records_max: int = BATCH_RECORDS_MAX
) -> Iterator[Build]:
    with closing(versions.working_in(settings, version)) as connection:
        build = Build(settings, group, version, connection, batch_records_max)
        build.open()
        yield build


@contextmanager
def _under_construction(settings: Settings, group: Group) -> Iterator[tuple[Connection, Build]]:
    """Raises VersionError when there is none."""
    with versions.at_work(settings, group) as connection:
        version = versions.under_construction(connection, group)
        if version is None or version.state != "READY":
            raise VersionError(
                f"{group.name} has no version that is ready; `tape projections rebuild {group.name}` makes one"
            )
        with _building(settings, tables.present(connection, group), version) as build:
            yield connection, build
