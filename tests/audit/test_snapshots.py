"""Goal: `tape audit snapshots` finds every way in which a snapshot is not what the tape says, and names it.

Method: the ledger's agent writes a snapshot of four accounts, events follow, and then somebody writes to the topic
records that are whole in themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.snapshots import check_snapshots
from domain import account_state
from runtime.settings import Settings
from streams.snapshots.accounts import AccountStates
from streams.snapshots.form import EPOCH_KEY, Codec, part_key
from tests.streams.snapshots.conftest import ledger
from tests.streams.snapshots.kafka import PARTITION, Ledger, accounts

__all__ = ["ledger"]
pytestmark = pytest.mark.integration


def _rewrite(ledger: Ledger, key: bytes, **changes: Any) -> None:
    """A record with another content, sealed as ours are."""
    own = Codec(ledger.settings.topic("ledger.events"), PARTITION, AccountStates(ledger.settings).form)
    content: Any = own.read(key, ledger.newest(key).value or b"")
    record = own._sealed(key, msgspec.structs.replace(content, **changes))
    ledger.put(record.key, record.value)


def _a_cent_more(ledger: Ledger, name: str) -> None:
    """What no start can see: the right account at the right version, with a cent that nobody paid in."""
    own = Codec(ledger.settings.topic("ledger.events"), PARTITION, AccountStates(ledger.settings).form)
    content: Any = own.read(part_key(name, 0), ledger.newest(part_key(name, 0)).value or b"")
    account = account_state.restore(content.data)
    account.base.free += Decimal("0.01")
    _rewrite(ledger, part_key(name, 0), data=account_state.dump(account))


def _gone(ledger: Ledger, name: str) -> None:
    ledger.put(part_key(name, 0), None)


def _stale(ledger: Ledger, name: str) -> None:
    _rewrite(ledger, part_key(name, 0), version=2)


def _ahead(ledger: Ledger, name: str) -> None:
    _rewrite(ledger, part_key(name, 0), version=9)


def _flipped(ledger: Ledger, name: str) -> None:
    value = bytearray(ledger.newest(part_key(name, 0)).value or b"")
    value[-1] ^= 1
    ledger.put(part_key(name, 0), bytes(value))


def _epoch(**changes: Any) -> Callable[[Ledger, str], None]:
    return lambda ledger, _: _rewrite(ledger, EPOCH_KEY, **changes)


PLANTED: dict[str, tuple[Callable[[Ledger, str], None], str, str]] = {
    "a cent too much": (_a_cent_more, "account_differs", "found funds [['USD', {'free': '989.51', 'held': '10.50'"),
    "an account that is gone": (_gone, "account_missing", "expected at least version 3, found nothing"),
    "an account from before the epoch": (_stale, "account_stale", "expected at least version 3, found 2"),
    "an account that the tape never had": (_ahead, "account_ahead", "expected at most version 3, found 9"),
    "a flipped bit": (_flipped, "snapshot_damaged", "it was changed"),
    "an epoch with another sum": (_epoch(checksum=bytes(32)), "epoch_differs", "accounts and checksum"),
    "an epoch with another head": (_epoch(head_hash=bytes(32)), "epoch_differs", "head: expected 12 "),
    "an epoch with other causes": (_epoch(causes={"x": 1}), "epoch_differs", "found {'x': 1}"),
    "an epoch beyond the tape": (_epoch(next_offset=99), "epoch_ahead", "expected at most 14, found 99"),
}


async def test_a_sound_snapshot_has_no_findings(ledger: Ledger) -> None:
    """Every account is compared; what stands behind the epoch is counted."""
    verdict = check_snapshots(ledger.settings)

    assert (verdict.ok, verdict.findings, verdict.compared) == (True, [], 4)
    assert [(one.accounts, one.epoch, one.behind) for one in verdict.partitions] == [(4, 12, 2), *[(0, None, 0)] * 3]
    assert verdict.text() == "4 accounts compared with 14 records of 4 tapes, 1 of which have a snapshot"


@pytest.mark.parametrize("planted", PLANTED)
async def test_what_is_planted_is_named(ledger: Ledger, planted: str) -> None:
    """One thing is wrong: it is found, at its place, with what was expected."""
    plant, kind, words = PLANTED[planted]
    plant(ledger, accounts(ledger.settings, 4)[3])
    verdict = check_snapshots(ledger.settings)
    found = [str(finding) for finding in verdict.findings if finding.kind == kind]

    assert not verdict.ok
    assert len(found) == 1
    assert f"{ledger.topic}/{PARTITION}" in found[0]
    assert words in found[0]


async def test_the_command_says_it_and_exits_with_1(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 on a sound ledger, 1 with the finding otherwise; --json is one document. No database is asked."""
    settings: Settings = ledger.settings.model_copy(update={"database_url": ""})
    monkeypatch.setattr("runtime.settings.settings", lambda: settings)
    runner = CliRunner()
    good = runner.invoke(app, ["snapshots"])
    _gone(ledger, accounts(settings, 4)[0])
    bad = runner.invoke(app, ["snapshots"])
    machine = runner.invoke(app, ["snapshots", "--json"])

    assert (good.exit_code, bad.exit_code, machine.exit_code) == (0, 1, 1)
    assert "snapshots OK: 4 accounts compared" in good.output
    assert "account_missing: " in bad.output
    assert "snapshots FAILED: " in bad.output
    assert json.loads(machine.stdout)["ok"] is False
