"""Which model a backtest's terms name, and what is said of one that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidValue, UnreadableInput
from models.backtest.opinions import opinions_of
from models.registry import store
from tests.models.service.stage import add, point, settings_of


def test_a_model_is_named_by_its_alias_or_its_version(tmp_path: Path) -> None:
    """`name@alias`, `name/version`, or nothing for what the settings say."""
    settings = settings_of(tmp_path)
    point(settings, add(settings, "majority", "1"))
    point(settings, add(settings, "majority", "2"), "challenger")

    asked = ("", "signals@champion", "signals@challenger", "signals/2", "signals/1")

    assert [opinions_of(settings, model).card.version for model in asked] == ["1", "1", "2", "2", "1"]
    assert opinions_of(settings.model_copy(update={"model_version": "2"}), "").card.version == "2"


@pytest.mark.parametrize("model", ["signals@nobody", "signals/7", "others@champion", "others/1"])
def test_a_model_that_is_not_there_is_not_asked_for_again(tmp_path: Path, model: str) -> None:
    """It is a mistake in the terms, which names what there is."""
    settings = settings_of(tmp_path)
    point(settings, add(settings, "majority", "1"))

    with pytest.raises(InvalidValue, match=f"it was {model}") as refused:
        opinions_of(settings, model)

    assert refused.value.code == "MODEL_UNKNOWN"
    assert ("signals/1" in str(refused.value)) == model.startswith("signals")


@pytest.mark.parametrize("model", ["signals", "@champion", "signals/1/2", "signals@a/b"])
def test_another_form_is_refused(tmp_path: Path, model: str) -> None:
    """As what it is: no name of a model."""
    with pytest.raises(InvalidValue, match="expected a model as name@alias or name/version"):
        opinions_of(settings_of(tmp_path), model)


def test_a_damaged_model_is_not_an_unknown_one(tmp_path: Path) -> None:
    """Its file is there and is not what its description says."""
    settings = settings_of(tmp_path)
    add(settings, "majority", "1")
    (store.root(settings, "signals") / "1" / "model.bin").write_bytes(b"something else")

    with pytest.raises(UnreadableInput, match="is damaged"):
        opinions_of(settings, "signals/1")
