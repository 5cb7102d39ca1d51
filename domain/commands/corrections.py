"""What a named operator wants of a fill that was wrong. The venue's own word is domain.reports.ReportCorrected."""

from __future__ import annotations

from decimal import Decimal

from domain.commands.operator import OperatorCommand


class CorrectFill(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fill was of other figures (FIX ExecType G, trade correct); all three are given, in the fill's own terms."""

    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal


class BustFill(OperatorCommand, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There was no such fill (FIX ExecType H, trade cancel)."""

    execution_id: str
