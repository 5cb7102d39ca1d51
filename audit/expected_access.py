"""What access_users and access_keys must hold, folded from `audit.logs` record by record."""

from __future__ import annotations

from audit.compare import Place, Row, StateTable, stored, time_of
from domain.access import KeyCreated, KeyRevoked, UserPut, UserRemoved, record_of
from domain.actions import ActionRecorded

TIME_US_MAX = 253_402_300_799_999_999
USERS = StateTable(
    "access_users",
    ("user_id",),
    ("role", "accounts", "put_by", "put_at", "removed_at", "partition", "record_offset"),
)
KEYS = StateTable(
    "access_keys",
    ("user_id", "key_id"),
    (
        *("sha256", "scopes", "label", "limit_per_minute", "created_by", "created_at", "expires_at", "revoked_at"),
        *("partition", "record_offset"),
    ),
)


class ExpectedAccess:
    """Give it every action in the order of its tape. touched: (table, key) -> the last record that changed the row."""

    def __init__(self) -> None:
        self.touched: dict[tuple[str, Row], Place] = {}
        self._users: dict[str, dict[str, object]] = {}
        self._keys: dict[tuple[str, str], dict[str, object]] = {}

    def take(self, action: ActionRecorded, place: Place) -> None:
        at = time_of(action.recorded_at_us)
        record = record_of(action)
        match record:
            case UserPut(user_id=user_id):
                said = {"role": record.role, "accounts": list(record.accounts), "put_by": stored(action.actor)}
                self._users[user_id] = {**said, "put_at": at, "removed_at": None}
                self.touched["access_users", (user_id,)] = place
            case UserRemoved(user_id=user_id) if self._is_there(user_id):
                self._users[user_id]["removed_at"] = at
                self.touched["access_users", (user_id,)] = place
                for owner, key_id in self._keys:
                    if owner == user_id:
                        self._end(user_id, key_id, action, place)
            case KeyCreated(user_id=user_id, key_id=key_id) if self._is_there(user_id):
                if (user_id, key_id) not in self._keys:
                    self._keys[user_id, key_id] = self._key(record, action)
                    self.touched["access_keys", (user_id, key_id)] = place
            case KeyRevoked(user_id=user_id, key_id=key_id):
                self._end(user_id, key_id, action, place)
            case _:
                pass

    def _is_there(self, user_id: str) -> bool:
        return user_id in self._users and self._users[user_id]["removed_at"] is None

    def _key(self, key: KeyCreated, action: ActionRecorded) -> dict[str, object]:
        expires_at_us = None if key.expires_at_us is None else min(key.expires_at_us, TIME_US_MAX)
        return {
            "sha256": key.sha256,
            "scopes": list(key.scopes),
            "label": stored(key.label),
            "limit_per_minute": key.limit_per_minute,
            "created_by": stored(action.actor),
            "created_at": time_of(action.recorded_at_us),
            "expires_at": time_of(expires_at_us),
            "revoked_at": None,
        }

    def _end(self, user_id: str, key_id: str, action: ActionRecorded, place: Place) -> None:
        key = self._keys.get((user_id, key_id))
        if key is not None and key["revoked_at"] is None:
            key["revoked_at"] = time_of(action.recorded_at_us)
            self.touched["access_keys", (user_id, key_id)] = place

    def users(self) -> dict[Row, Row]:
        """Rows of USERS."""
        return {(name,): self._row(USERS, (name,), user) for name, user in self._users.items()}

    def keys(self) -> dict[Row, Row]:
        """Rows of KEYS."""
        return {key: self._row(KEYS, key, row) for key, row in self._keys.items()}

    def _row(self, table: StateTable, key: Row, values: dict[str, object]) -> Row:
        place = self.touched[table.name, key]
        return (*values.values(), place.partition, place.offset)
