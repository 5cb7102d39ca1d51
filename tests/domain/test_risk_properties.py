"""The pre-trade checks against an independent model under random trading, and that the comparison finds defects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from domain import events, exposures, kills, preview, risk, risk_case, scopes, throttle
from domain.errors import BooksError
from domain.folds import risk as folds
from tests.domain.risk_rules import RiskTrader
from tests.domain.test_account_state import Restorer
from tests.hunting import DEFECT_HUNT, RANDOM_TRADING


class RestoredRiskTrader(RiskTrader, Restorer):
    """A risk officer's trader, whose twin is restored from bytes now and then and sees the same market and desk."""

    def __init__(self) -> None:
        super().__init__()
        self.twin.desk = self.ledger.desk

    @rule()
    def restore_the_twin(self) -> None:
        super().restore_the_twin()
        self.twin.desk = self.ledger.desk


def test_every_order_gets_the_verdict_of_the_model() -> None:
    """Whatever limits are laid down and lifted: no accepted order breaks one, no refused one would have kept all, a
    preview is what happens, and the bytes of the tape give the same state."""
    run_state_machine_as_test(RiskTrader, settings=RANDOM_TRADING)


def test_a_restored_ledger_goes_on_under_the_same_limits() -> None:
    """Limits, halts, overrides and what the windows remember come through a snapshot."""
    run_state_machine_as_test(RestoredRiskTrader, settings=settings(RANDOM_TRADING, max_examples=40))


def _loosest(of: Any, figure: str) -> Any:
    found = [scope for scope in of if getattr(scope.limits, figure) is not None]
    return scopes.Effective(max(getattr(scope.limits, figure) for scope in found), found[-1]) if found else None


def _account_only(account: Any, strategy_id: Any, desk: Any) -> Any:
    del strategy_id, desk
    limits = account.risk.limits
    return () if limits is None else [scopes.Scope("ACCOUNT", account.risk.limits_version, limits)]


def _without(kind: type) -> Any:
    return {of: noted for of, noted in folds._NOTED.items() if of is not kind}


def _any_override(case: Any, code: str) -> Any:
    del code
    return next(iter(case.account.risk.overrides), None)


def _no_working(self: Any) -> Any:
    held = self.account.position(self.terms.symbol).quantity
    return (-held if self.terms.is_sale else held) + self.units()


_NO_DUPLICATES = tuple(check for check in risk.CHECKS if check.code != "ORDER_DUPLICATE")
_BLIND = SimpleNamespace(halts=lambda *_: None, CHECKS=risk.CHECKS, override_for=risk.override_for)

DEFECTS: dict[str, list[tuple[Any, str, Any]]] = {
    "the loosest limit counts": [(risk_case, "tightest", _loosest)],
    "strategy and desk are not asked": [(risk, "scopes_of", _account_only)],
    "exposures do not follow": [(exposures.Exposures, "follow", lambda *_: None)],
    "working orders do not count": [(risk_case.Case, "reached", _no_working)],
    "refused orders are no messages": [(folds, "_NOTED", _without(events.OrderRejected))],
    "cancels are no messages": [(folds, "_NOTED", _without(events.OrderCancelRequested))],
    "nothing is a duplicate": [(risk, "CHECKS", _NO_DUPLICATES)],
    "an override serves twice": [(folds, "_used", lambda *_: None)],
    "an override lifts every check": [(risk, "override_for", _any_override)],
    "a kill switch cancels nothing": [(kills, "cancels", lambda _: ())],
    "a stopped strategy trades on": [(risk, "halts", lambda *_: None)],
    "the throttle looks at the newest fill alone": [(throttle, "_newest", lambda _, added, __: added)],
    "a preview sees no halts": [(preview, "risk", _BLIND)],
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_comparison_finds_a_planted_defect(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this defect planted, the same random trading fails."""
    for owner, name, broken in DEFECTS[defect]:
        monkeypatch.setattr(owner, name, broken)

    with pytest.raises((AssertionError, BooksError)):
        run_state_machine_as_test(RiskTrader, settings=DEFECT_HUNT)
