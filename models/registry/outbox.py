"""What was done to models and has to go on `audit.logs`: one file each, sent when Kafka is there.

A model may be trained and promoted where Kafka is not (the demo trains while it starts), and a promotion that nobody
finds on record would be worse than one that is recorded late. So an action is written down before it is done, marked as
done after it, and whoever has Kafka sends what is marked: streams.promotions. One that was written down and not done is
settled by the next session with the registry.

    <tape_home>/models/actions/<action id>.begun, .done     domain.actions.RecordAction as JSON
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from domain.actions import RecordAction
from domain.errors import UnreadableInput
from models.registry import store
from runtime.clock import now_us
from runtime.settings import Settings


def begin(
    settings: Settings, action: str, name: str, actor: str, reason: str, details: Mapping[str, str]
) -> RecordAction:
    """Write down what is about to be done to the model `name`."""
    record = RecordAction(
        action_id=f"mdl-{uuid.uuid4().hex}",
        actor=actor,
        action=action,
        subject=f"model:{name}",
        reason=reason,
        details=dict(details),
        issued_at_us=now_us(),
    )
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    store.write_atomically(folder / f"{record.action_id}.begun", msgspec.json.encode(record))
    return record


def done(settings: Settings, action_id: str) -> None:
    """It is done: it may be sent."""
    _begun(settings, action_id).rename(_folder(settings) / f"{action_id}.done")


def settle(settings: Settings, happened: Callable[[RecordAction], bool]) -> None:
    """Of what a crash has left begun: mark what has happened, forget the rest."""
    for file in sorted(_folder(settings).glob("*.begun")):
        record = _read(file)
        done(settings, record.action_id) if happened(record) else file.unlink()


def waiting(settings: Settings) -> list[RecordAction]:
    """What is done and not sent, oldest first. Raises UnreadableInput for a file that is no action."""
    return sorted((_read(file) for file in _folder(settings).glob("*.done")), key=lambda one: one.issued_at_us)


def sent(settings: Settings, action_id: str) -> None:
    """Forget one that is on its way; harmless when it is forgotten already."""
    (_folder(settings) / f"{action_id}.done").unlink(missing_ok=True)


def _begun(settings: Settings, action_id: str) -> Path:
    return _folder(settings) / f"{action_id}.begun"


def _folder(settings: Settings) -> Path:
    return settings.tape_home / "models" / "actions"


def _read(file: Path) -> RecordAction:
    try:
        return msgspec.json.decode(file.read_bytes(), type=RecordAction)
    except msgspec.DecodeError as error:
        raise UnreadableInput(f"{file} is no action: {error}") from error
