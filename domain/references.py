"""Under which id of the outside world something was done, so that it is done once whoever sends it again.

A vendor's feed may tell of a dividend twice, and a person once more: other command ids, the same reference. References
are remembered far longer than command ids (domain.account.REFERENCES_KEPT_US). Corrections of fills have none: one
ticket of a trade desk may be about many fills, and a fill knows what has corrected it.
"""

from __future__ import annotations

from domain.account import Account
from domain.checks import Refusal, refuse
from domain.commands import BustFill, Command, CorrectFill, OperatorCommand
from domain.fingerprints import operator_content, reference_key


def repeat(account: Account, command: Command) -> Refusal | bool:
    """True when this was done before under its reference; a Refusal when the reference was used with other content."""
    if not isinstance(command, OperatorCommand) or isinstance(command, CorrectFill | BustFill):
        return False
    kind = type(command).__name__
    taken = account.references.get(reference_key(kind, command))
    if taken is None:
        return False
    if taken.fingerprint == operator_content(kind, command):
        return True
    return refuse(
        "REFERENCE_CONFLICT",
        f"expected the content of the first {kind} under {command.reference!r}, it was other content",
        reference=command.reference,
    )
