"""`tape risk` as a risk officer runs it: real ledger and engine workers, orders on accounts of all partitions.

No ticks come, so a limit order works until somebody cancels it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from domain import ids
from domain.events import OrderAcknowledged, OrderCanceled, OrderRejected, TradingHalted
from runtime.settings import Settings
from tests.runtime.test_cli import run_tape
from tests.streams.trading import buy, events, opened, send
from tests.workers import eventually, worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
LEDGER, ENGINE, PROJECTOR = "streams.ledger.worker", "execution.worker", "projections.worker"
ACCOUNTS = [f"acc_{number}" for number in range(8)]
GRACE = ("--by", "grace", "--reason", "runaway orders")


def of(settings: Settings, kind: type[Any]) -> list[Any]:
    return [event for event in events(settings) if isinstance(event, kind)]


def tape(settings: Settings, *arguments: str) -> tuple[int, dict[str, Any]]:
    """`tape risk … --json`: the exit code and what it said."""
    done = run_tape("risk", *arguments, "--json", **settings.environ())
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, said


def work(settings: Settings, *client_order_ids: str) -> None:
    """Each account has these orders working."""
    send(settings, *(buy(account, name) for account in ACCOUNTS for name in client_order_ids))
    before = len(ACCOUNTS) * len(client_order_ids)
    eventually(lambda: len(of(settings, OrderAcknowledged)) >= before, f"{before} orders work")


def are(settings: Settings, kind: type[Any], count: int) -> Callable[[], bool]:
    return lambda: len(of(settings, kind)) >= count


def test_a_halt_cancels_every_working_order_and_new_ones_are_refused(ledger_settings: Settings) -> None:
    """Goal: all accounts of all partitions. Then trading is resumed: old orders stay cancelled, new ones work."""
    settings = ledger_settings
    with worker(settings, LEDGER), worker(settings, ENGINE), worker(settings, PROJECTOR):
        send(settings, *(command for account in ACCOUNTS for command in opened(account)))
        work(settings, "a", "b")

        code, halted = tape(settings, "halt", "all", *GRACE)
        assert (code, halted["done"], halted["missing"]) == (0, True, [])
        assert [(one["partition"], one["event"], one["version"]) for one in halted["answers"]] == [
            (partition, "TradingHalted", 1) for partition in range(4)
        ]
        eventually(are(settings, OrderCanceled, 16), "all 16 orders are cancelled")
        send(settings, *(buy(account, "late") for account in ACCOUNTS))
        eventually(are(settings, OrderRejected, 8), "8 new orders are refused")

        again, said = tape(settings, "halt", "all", *GRACE, "--command-id", halted["command_id"])
        assert (again, [one["earlier"] for one in said["answers"]]) == (0, [True] * 4)
        assert [one["offset"] for one in said["answers"]] == [one["offset"] for one in halted["answers"]]
        assert tape(settings, "resume", "all", "--by", "grace", "--reason", "found it")[0] == 0
        assert tape(settings, "resume", "all", "--by", "grace", "--reason", "found it")[0] == 1
        send(settings, *(buy(account, "after") for account in ACCOUNTS))
        eventually(are(settings, OrderAcknowledged, 24), "8 new orders work")

    assert {event.code for event in of(settings, OrderRejected)} == {"TRADING_HALTED"}
    assert Counter(event.reason for event in of(settings, TradingHalted)) == {"runaway orders": 4}
    assert len(of(settings, OrderCanceled)) == 16


def test_a_ledger_killed_between_the_halt_and_its_cancels_changes_nothing(ledger_settings: Settings) -> None:
    """Goal: the kill is in the log, not in the process. Method: no engine is up when the ledger dies without a word."""
    settings = ledger_settings.model_copy(update={"claim_idle_ms": 500, "redispatch_after_ms": 500})
    with worker(settings, ENGINE) as engine, worker(settings, LEDGER) as ledger:
        send(settings, *(command for account in ACCOUNTS for command in opened(account)))
        work(settings, "a")
        engine.kill()

        code, halted = tape(settings, "halt", "all", *GRACE)
        ledger.kill()
        assert (code, len(halted["answers"])) == (0, 4)
    assert of(settings, OrderCanceled) == []

    with worker(settings, LEDGER), worker(settings, ENGINE):
        eventually(are(settings, OrderCanceled, 8), "all 8 orders are cancelled")
        send(settings, *(buy(account, "late") for account in ACCOUNTS))
        eventually(are(settings, OrderRejected, 8), "8 new orders are refused")

    assert {event.code for event in of(settings, OrderRejected)} == {"TRADING_HALTED"}


def test_what_no_ledger_has_answered_is_named_and_can_be_completed(ledger_settings: Settings) -> None:
    """With the ledger down the command waits for it; the same id asks again, and is carried out once."""
    settings = ledger_settings
    code, said = tape(settings, "halt", "strategy", "s1", *GRACE, "--wait", "1")
    assert (code, said["done"], said["answers"]) == (1, False, [])
    assert said["missing"] == ["desk:1", "desk:0", "desk:5", "desk:14"]

    with worker(settings, LEDGER):
        code, again = tape(
            settings, "halt", "strategy", "s1", *GRACE, "--command-id", said["command_id"], "--wait", "60"
        )
        assert (code, len(again["answers"])) == (0, 4)
        other = ("halt", "strategy", "s2", *GRACE, "--command-id", said["command_id"])
        done = run_tape("risk", *other, **settings.environ())

    assert len(of(settings, TradingHalted)) == 4
    assert done.returncode == 1
    assert "COMMAND_ID_CONFLICT" in done.stdout


def test_what_stands_is_shown(ledger_settings: Settings) -> None:
    """Limits and halts with who, why and where; a wrong figure is refused before anything is sent."""
    settings = ledger_settings
    wrong = run_tape("risk", "limits", "set", "desk", "order_value=1", *GRACE, **settings.environ())
    assert wrong.returncode == 1
    assert "order_value_max" in wrong.stderr
    with worker(settings, LEDGER), worker(settings, PROJECTOR):
        figures = ("order_value_max=1000.50", "restricted_symbols=FB,IBM")
        assert tape(settings, "limits", "set", "strategy", "s1", *figures, *GRACE)[0] == 0
        assert tape(settings, "halt", "strategy", "s1", *GRACE)[0] == 0
        eventually(lambda: "2 controls" in run_tape("risk", "limits", "show", **settings.environ()).stdout, "shown")
        shown = run_tape("risk", "limits", "show", **settings.environ()).stdout
        controls: Any = tape(settings, "limits", "show")[1]

    assert all(word in shown for word in ("order_value_max=1000.50", "restricted_symbols=FB,IBM", "grace: runaway"))
    assert [(one["control"], one["strategy_id"], one["in_force"], one["missing"]) for one in controls] == [
        ("HALT", "s1", True, []),
        ("LIMITS", "s1", True, []),
    ]
    assert [said["version"] for one in controls for said in one["partitions"]] == [2] * 4 + [1] * 4


def test_one_account_is_limited_halted_and_resumed(ledger_settings: Settings) -> None:
    """Each command is one event on the account, with who and why; its neighbours trade on."""
    settings, (ann, bob) = ledger_settings, ACCOUNTS[:2]
    with worker(settings, LEDGER), worker(settings, ENGINE):
        send(settings, *opened(ann), *opened(bob), buy(ann, "a"), buy(bob, "b"))
        eventually(are(settings, OrderAcknowledged, 2), "both orders work")

        assert tape(settings, "limits", "set", "account", ann, "order_quantity_max=5", *GRACE)[0] == 0
        assert tape(settings, "halt", "order", ann, ids.order_id(ann, "a"), *GRACE)[0] == 0
        eventually(are(settings, OrderCanceled, 1), "the order is cancelled")
        code, halted = tape(settings, "halt", "account", ann, *GRACE)
        assert (code, halted["answers"][0]["event"], halted["answers"][0]["key"]) == (0, "KillSwitchEngaged", ann)
        send(settings, buy(ann, "a2"), buy(bob, "b2"))
        eventually(are(settings, OrderAcknowledged, 3), "the neighbour's order works")
        assert tape(settings, "resume", "account", ann, *GRACE)[0] == 0
        code, refused = tape(settings, "strategy", "enable", ann, "s1", *GRACE)
        assert (code, refused["answers"][0]["code"]) == (1, "STRATEGY_NOT_DISABLED")
        grant = ("override", "grant", ann, "a3", "ORDER_QUANTITY_EXCEEDED", "--override-id", "ovr-1", *GRACE)
        assert tape(settings, *grant)[0] == 0
        assert tape(settings, "override", "revoke", ann, "ovr-1", *GRACE)[0] == 0

    said = [
        event for event in events(settings) if event.originator_id == ann and getattr(event, "reason", "") == GRACE[3]
    ]
    assert [type(event).__name__ for event in said] == [
        "LimitsSet",
        "KillSwitchEngaged",
        "KillSwitchEngaged",
        "KillSwitchReleased",
        "OverrideGranted",
        "OverrideRevoked",
    ]
    assert [event.code for event in of(settings, OrderRejected)] == ["ACCOUNT_HALTED"]
