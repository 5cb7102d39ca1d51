"""`tape feed run`: what it refuses, and the line that a program can read."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from domain.errors import InvalidValue
from runtime.settings import Settings
from streams.feed import cli
from streams.feed.feed import Pace


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--symbols", "NOPE"], 1, "no instrument NOPE"),
        (["--from", "2012-01-02", "--to", "2012-01-01"], 1, "from 2012-01-02 to 2012-01-01; expected first <= last"),
        (["--speed", "0"], 1, "a feed's pace must be above zero"),
        (["--speed", "1", "--bars-per-second", "1"], 1, "a speed or bars per second, not both"),
        (["--lockstep", "--speed", "5"], 2, "choose one"),
        (["--from", "yesterday"], 2, "yesterday"),
    ],
)
def test_refusals(arguments: list[str], code: int, text: str) -> None:
    """A replay that cannot be is refused before anything is published, with its reason."""
    result = CliRunner().invoke(cli.app, ["run", *arguments], env={"COLUMNS": "200"})

    assert code == result.exit_code
    assert text in result.output


def test_a_pace_is_one_thing() -> None:
    """Without numbers the feed goes in lockstep; a pace below zero is none."""
    assert Pace().lockstep
    assert not Pace(speed=2.0).lockstep
    with pytest.raises(InvalidValue, match="above zero"):
        Pace(bars_per_second=-1)


@pytest.mark.integration
def test_the_last_line_is_json(ledger_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output holds one line of JSON that says what was done."""
    monkeypatch.setattr(cli, "process_settings", lambda: ledger_settings)
    days = ["--from", "2011-01-03", "--to", "2011-01-04"]
    result = CliRunner().invoke(cli.app, ["run", "--symbols", "IBM", *days, "--bars-per-second", "100000"])
    said = json.loads(result.stdout.splitlines()[-1])

    assert result.exit_code == 0
    # Two trading days, and 127 to warm up.
    assert (said["bars_published"], said["ticks_published"], said["complete"]) == (129, 516, True)
    assert said["symbols"] == ["IBM"]
