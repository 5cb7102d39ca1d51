"""Goal: the table of honest models names tests that exist. Method: read the names off the test files' syntax trees."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.docs.pages import ROOT
from tests.models.honest import POINTS, Point


@cache
def names_in(path: str) -> set[str]:
    """The test functions at the top of a file; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def missing(point: Point) -> list[str]:
    """The tests that a point names and that are nowhere."""
    named = [test.partition("::") for test in point.tests]
    return [f"{path}::{name}" for path, _, name in named if not name.startswith("test_") or name not in names_in(path)]


def test_there_are_fifteen_points() -> None:
    """The list is whole and in order."""
    assert [point.number for point in POINTS] == list(range(1, 16))


@pytest.mark.parametrize("point", POINTS, ids=lambda point: str(point.number))
def test_each_point_has_tests_that_exist(point: Point) -> None:
    """Every point is held by at least one test, under the path and name that the table gives."""
    assert point.tests
    assert missing(point) == []


def test_a_test_that_was_renamed_or_moved_is_noticed() -> None:
    """Another name, another file, or a helper that is no test."""
    real = POINTS[0].tests[0]
    path = real.split("::")[0]
    gone = (f"{real}_x", real.replace("test_splits", "test_gone"), f"{path}::looked_at")

    assert missing(Point(1, "", "", (real, *gone))) == list(gone)
