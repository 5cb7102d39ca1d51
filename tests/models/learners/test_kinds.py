"""Every kind of model is held to the port, and one that is not there is named."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from domain.errors import InvalidValue, UnavailableError
from models import learners
from models.learners import KINDS, learner


def kinds_in(file: Path) -> set[str]:
    """The kinds that a module's classes of conformance tests name; read, not imported, since PyTorch takes seconds."""
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef) and node.bases]
    assignments = [line for one in classes for line in one.body if isinstance(line, ast.Assign)]
    return {ast.literal_eval(line.value) for line in assignments if ast.unparse(line.targets[0]) == "kind"}


def test_every_kind_has_its_conformance_tests() -> None:
    """A kind that is added without a class of conformance tests fails here."""
    found = set[str]().union(*(kinds_in(file) for file in Path(__file__).parent.glob("test_*.py")))

    assert found == set(KINDS)


def test_an_unknown_kind_is_refused() -> None:
    """The error lists those that there are."""
    with pytest.raises(InvalidValue, match=r"no kind of model 'oracle'; expected one of xgboost, lightgbm, lstm"):
        learner("oracle")


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind whose library is not there says which one."""
    monkeypatch.setitem(learners.KINDS, "oracle", "no_such_library.oracle:Oracle")

    with pytest.raises(UnavailableError, match="models of kind oracle need no_such_library, which is not installed"):
        learner("oracle")
