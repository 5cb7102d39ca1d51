"""The form of limits and of what risk officers ask for. Each gives a Refusal or None; none needs an account's state."""

from __future__ import annotations

from decimal import Decimal

from domain import checks, order_checks
from domain.checks import Refusal, is_text, refuse
from domain.commands import (
    EnableStrategy,
    EngageKillSwitch,
    GrantOverride,
    ReleaseKillSwitch,
    RevokeOverride,
    SetLimits,
)
from domain.limits import Limits
from domain.numbers import is_sound
from domain.risk import OVERRIDABLE
from domain.risk_book import RECENT_MAX, WINDOW_US_MAX

REASON_CHARACTERS_MAX = 500
LIST_LENGTH_MAX = 500
COLLAR_BPS_MAX = 10_000
OVERRIDE_US_MAX = 24 * 3600 * 1_000_000

FIGURES = (
    "order_value_max",
    "order_quantity_max",
    "position_quantity_max",
    "position_value_max",
    "gross_exposure_max",
    "net_exposure_max",
)
COUNTS = ("message_rate_max", "executions_max")
WINDOWS = ("message_rate_window_us", "duplicate_window_us", "executions_window_us")
LISTS = ("restricted_symbols", "permitted_traders")


def limits(value: Limits) -> Refusal | None:
    """Whether limits, of whatever scope, are such that the ledger can hold to them."""
    return _figures(value) or _counts(value) or _lists(value)


def _figures(value: Limits) -> Refusal | None:
    for name in FIGURES:
        figure: Decimal | None = getattr(value, name)
        if figure is not None and (not is_sound(figure) or figure < 0):
            return _invalid(name, figure, "a number from 0 with at most 15 integer digits and 18 decimals")
    collar = value.price_collar_bps
    if collar is not None and (not is_sound(collar) or not 0 <= collar <= COLLAR_BPS_MAX):
        return _invalid("price_collar_bps", collar, f"0 to {COLLAR_BPS_MAX} basis points")
    return None


def _counts(value: Limits) -> Refusal | None:
    for name in COUNTS:
        count: int | None = getattr(value, name)
        if count is not None and not 1 <= count <= RECENT_MAX:
            return _invalid(name, count, f"1 to {RECENT_MAX}")
    for name in WINDOWS:
        window: int | None = getattr(value, name)
        if window is not None and not 1 <= window <= WINDOW_US_MAX:
            return _invalid(name, window, f"1 to {WINDOW_US_MAX} us")
    if value.open_orders_max is not None and value.open_orders_max < 0:
        return _invalid("open_orders_max", value.open_orders_max, "0 or more")
    return None


def _lists(value: Limits) -> Refusal | None:
    for name in LISTS:
        texts: tuple[str, ...] = getattr(value, name)
        if len(texts) > LIST_LENGTH_MAX:
            return _invalid(name, len(texts), f"at most {LIST_LENGTH_MAX} texts")
        for text in texts:
            if not is_text(text):
                return _invalid(name, text, "texts of 1 to 128 printable characters")
    return None


def _invalid(name: str, value: object, wanted: str) -> Refusal:
    return refuse("LIMIT_INVALID", f"expected {name} to be {wanted}, it was {checks.clean(value)}", **{name: value})


def who_and_why(person: str, reason: str) -> Refusal | None:
    """A named person and a reason, without which nothing is laid down."""
    if not is_text(person):
        return refuse("PERSON_INVALID", "expected a person of 1 to 128 printable characters", person=person)
    if not is_text(reason, REASON_CHARACTERS_MAX):
        return refuse(
            "REASON_INVALID",
            f"expected a reason of 1 to {REASON_CHARACTERS_MAX} printable characters, it has {len(reason)}",
            characters=len(reason),
        )
    return None


def scope(name: str, **ids: str | None) -> Refusal | None:
    """A scope has the id of its own kind and no other: ORDER `order_id`, STRATEGY `strategy_id`, ACCOUNT none."""
    wanted = {"ORDER": "order_id", "STRATEGY": "strategy_id"}.get(name)
    for kind, given in ids.items():
        if (given is None) == (kind == wanted) or (given is not None and not is_text(given)):
            what = "of 1 to 128 printable characters" if kind == wanted else "to be absent"
            return refuse("SCOPE_INVALID", f"expected {kind} {what} for {name}", scope=name, **{kind: given or ""})
    return None


def set_limits(command: SetLimits) -> Refusal | None:
    return (
        who_and_why(command.set_by, command.reason)
        or scope(command.scope, strategy_id=command.strategy_id)
        or limits(command.limits)
    )


def grant(command: GrantOverride, now_us: int) -> Refusal | None:
    if not is_text(command.override_id):
        return refuse("OVERRIDE_ID_INVALID", "expected 1 to 128 printable characters", override_id=command.override_id)
    if not is_text(command.client_order_id, order_checks.CLIENT_ORDER_ID_CHARACTERS_MAX):
        return refuse(
            "CLIENT_ORDER_ID_INVALID",
            f"expected 1 to 48 printable characters, it has {len(command.client_order_id)}",
            client_order_id=command.client_order_id,
        )
    codes = command.codes
    if not codes or len(set(codes)) < len(codes) or not OVERRIDABLE.issuperset(codes):
        return refuse(
            "OVERRIDE_CODE_INVALID",
            f"expected codes of {', '.join(sorted(OVERRIDABLE))}, each once",
            codes=", ".join(codes),
        )
    if not now_us < command.expires_at_us <= now_us + OVERRIDE_US_MAX:
        return refuse(
            "OVERRIDE_EXPIRY_INVALID",
            f"expected an expiry after {now_us} and within 24 hours, it was {command.expires_at_us}",
            expires_at_us=command.expires_at_us,
            now_us=now_us,
        )
    return who_and_why(command.granted_by, command.reason)


def revoke(command: RevokeOverride) -> Refusal | None:
    return who_and_why(command.revoked_by, command.reason)


def enable(command: EnableStrategy) -> Refusal | None:
    return who_and_why(command.enabled_by, command.reason)


def engage(command: EngageKillSwitch) -> Refusal | None:
    return who_and_why(command.by, command.reason) or scope(
        command.scope, order_id=command.order_id, strategy_id=command.strategy_id
    )


def release(command: ReleaseKillSwitch) -> Refusal | None:
    return who_and_why(command.by, command.reason) or scope(command.scope, strategy_id=command.strategy_id)
