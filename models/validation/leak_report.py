"""When a hunt for leaks is called for, and what it found, in words that can be kept with the model."""

from __future__ import annotations

from typing import Literal

import msgspec

ACCURACY_MAX = 0.42
"""Honest accuracy for three classes on daily bars is 0.34 to 0.42."""

EXCESS_MAX = 0.05
"""What a model may honestly be ahead of the majority class."""

Verdict = Literal["clear", "suspicious", "leak", "not run"]
_WORST_FIRST: tuple[Verdict, ...] = ("leak", "suspicious", "clear", "not run")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the hunt. kind: structural checks look at what was given to the model and find a leak or none;
    statistical ones look at how it scores, and can only make suspicious. finding: what was seen, with its numbers."""

    name: str
    kind: Literal["structural", "statistical"]
    question: str
    verdict: Verdict
    finding: str


class LeakReport(msgspec.Struct, frozen=True, kw_only=True):
    """accuracy, majority: over all test rows, of the model and of each fold's most frequent training class.

    called_by: the accuracy that called for the hunt, where it is another: that of calibrated probabilities, or of rows
    that are weighted. None where it is `accuracy`.
    """

    learner: str
    folds: int
    rows: int
    accuracy: float
    majority: float
    checks: tuple[Check, ...]
    called_by: float | None = None

    @property
    def limit(self) -> float:
        return accuracy_limit(self.majority)

    @property
    def called_for(self) -> bool:
        return (self.accuracy if self.called_by is None else self.called_by) > self.limit

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks'."""
        found = {check.verdict for check in self.checks}
        return next(verdict for verdict in _WORST_FIRST if verdict in found)

    def check(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)

    def markdown(self) -> str:
        """The report as a page: figures, the checklist, and what each check saw."""
        above = "above it" if self.accuracy > self.limit else "not above it"
        called = f"{above}: the hunt was called for" if self.called_for else f"{above}: nothing called for the hunt"
        if self.called_by is not None:
            called += f" by the accuracy that training measured, {self.called_by:.4f}, calibrated and weighted"
        lines = [
            f"# Leak hunt: {self.verdict}",
            "",
            f"The model ({self.learner}) is right on {self.accuracy:.4f} of {self.rows} test rows of {self.folds} "
            f"fold(s); the majority class on {self.majority:.4f}. The limit is the larger of {ACCURACY_MAX} and the "
            f"majority's accuracy + {EXCESS_MAX}: {self.limit:.4f}. The model is {called}.",
            "",
            "| check | kind | question | verdict |",
            "| --- | --- | --- | --- |",
            *(f"| {one.name} | {one.kind} | {one.question} | **{one.verdict}** |" for one in self.checks),
        ]
        for one in self.checks:
            lines += ["", f"## {one.name}: {one.verdict}", "", one.finding]
        return "\n".join(lines) + "\n"


def accuracy_limit(majority: float) -> float:
    """Accuracy above this starts a hunt. majority: accuracy of the majority class on the same rows.

    0.42 alone would call for a hunt in every quiet market: where 60 % of the labels are HOLD, saying HOLD is right on
    60 % of them without any leak. So it is the larger of 0.42 and the majority's accuracy + 0.05.
    """
    return max(ACCURACY_MAX, majority + EXCESS_MAX)
