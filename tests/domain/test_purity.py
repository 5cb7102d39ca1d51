"""The domain is pure: it does no I/O, reads no clock, draws no random number."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from decimal import getcontext
from pathlib import Path

import pytest

import domain
from tests.domain.desk import Desk

SOURCES = sorted(Path(domain.__path__[0]).rglob("*.py"))
ALLOWED = {
    "__future__", "ast", "base64", "bisect", "collections", "contextlib", "decimal", "hashlib", "inspect", "re",
    "types", "typing", "domain", "eventsourcing", "msgspec",
}  # fmt: skip
IMPURE_NAMES = {"open", "print", "input", "eval", "exec", "__import__", "float", "setcontext", "getcontext", "id"}


@pytest.mark.parametrize("path", SOURCES, ids=[path.stem for path in SOURCES])
def test_a_module_of_the_domain_imports_nothing_impure(path: Path) -> None:
    """It imports only modules that can do no I/O, tell no time and draw no number, and calls no builtin that could."""
    tree = ast.parse(path.read_text())
    imported, called = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)

    assert imported <= ALLOWED
    assert not called & IMPURE_NAMES


def test_nothing_impure_is_allowed() -> None:
    """The list of allowed modules names none of those that the rule is about."""
    assert ALLOWED.isdisjoint({"time", "datetime", "random", "secrets", "uuid", "os", "io", "socket", "pathlib", "sys"})
    assert "domain" in sys.modules


def test_the_decimal_context_of_the_program_is_left_alone() -> None:
    """Deciding uses a context of its own."""
    before = getcontext().copy()

    desk = Desk(fee_bps="1.2345")
    desk.trade("BUY", "3", "33.33", "0.01")

    assert repr(getcontext()) == repr(before)


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    """Sets and mappings are in the state; another process, with another order of hashes, gives the same bytes."""
    program = (
        "from tests.domain.desk import Desk\n"
        "desk = Desk(fee_bps='2.5')\n"
        "bought = desk.submit('BUY', '9', '10.00').order.order_id\n"
        "fills = [desk.fill(bought, '1', '9.99', '0.01') for _ in range(6)]\n"
        "desk.submit('SELL', '2', '11.00')\n"
        "print(desk.ledger.digest().hex(), desk.refolded().digest().hex(), list({e.execution_id for e in fills}))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(domain.__path__[0]).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split(" ", 2)
        for seed in ("1", "2", "3")
    ]

    assert len({digest for lines in printed for digest in lines[:2]}) == 1
    assert len({lines[2] for lines in printed}) > 1, "the seeds gave one order, so the test showed nothing"
