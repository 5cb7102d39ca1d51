"""A paper fill with its evidence, and the same fill computed again from nothing but evidence and terms.

Two models are in use. `paper-sqrt-impact/1` is that of plain orders, MARKET and LIMIT good till cancelled, each alone
with its tick. `paper-book/1` is that of all others: its evidence also says as what the order traded, what was given to
others of the tick before, whether its stop had been met, and between which times it could trade. A model never changes
its meaning.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.errors import InvalidValue
from domain.market import Tick, TickAt
from domain.paper_costs import PaperParameters, make, seed, take
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.paper.acceptance import AUCTIONS
from execution.paper.lifetime import CLOSING_PRINT_US_MAX, Lifetime
from execution.venue import Liquidity

MODEL = "paper-sqrt-impact/1"
BOOK_MODEL = "paper-book/1"
_ZERO = Decimal(0)


class Fill(NamedTuple):
    """What one order gets on one tick. price: per unit; fee: in the instrument's currency."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    evidence: FillEvidence
    liquidity: Liquidity = "TAKER"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What `paper-book/1` needs besides tick and parameters.

    given: units of the tick that others of the symbol took before. shared: whether the order shares the tick with
    others, and takes the part that fits its price. open_us, close_us: of its session.
    """

    liquidity: Liquidity = "TAKER"
    given: Decimal = _ZERO
    shared: bool = False
    triggered: bool = False
    open_us: int | None = None
    close_us: int | None = None

    @classmethod
    def of(
        cls, life: Lifetime, liquidity: Liquidity, *, triggered: bool, given: Decimal = _ZERO, shared: bool = False
    ) -> Setting:
        return cls(
            liquidity=liquidity,
            given=given,
            shared=shared,
            triggered=triggered,
            open_us=life.open_us,
            close_us=life.close_us,
        )


def is_plain(terms: OrderTerms) -> bool:
    """Whether `paper-sqrt-impact/1` says all there is to say of an order that is alone with its tick."""
    return terms.order_type in ("MARKET", "LIMIT") and terms.time_in_force == "GTC" and not terms.post_only


def fill(terms: OrderTerms, leaves: Decimal, tick: TickAt, parameters: PaperParameters) -> Fill | None:
    """What `leaves` units of a plain order get on a tick; None: nothing. Pure: equal arguments give an equal answer."""
    trade = take(terms, leaves, tick, parameters)
    if trade is None:
        return None
    return Fill(*trade, _evidence(MODEL, terms, tick, {**_as_text(parameters), "leaves_quantity": str(leaves)}))


def fill_in_book(
    terms: OrderTerms, leaves: Decimal, tick: TickAt, parameters: PaperParameters, setting: Setting
) -> Fill | None:
    """What `leaves` units of any order get on a tick; None: nothing. Pure."""
    if setting.liquidity == "MAKER":
        trade = make(terms, leaves, tick, parameters, given=setting.given)
    else:
        trade = take(terms, leaves, tick, parameters, given=setting.given, fitting=setting.shared)
    if trade is None:
        return None
    known = {
        **_as_text(parameters),
        "leaves_quantity": str(leaves),
        "liquidity": setting.liquidity,
        "given_quantity": str(setting.given),
        "shared": "true" if setting.shared else "false",
    }
    if terms.has_trigger:
        known["triggered"] = "true" if setting.triggered else "false"
    if setting.open_us is not None and setting.close_us is not None:
        known |= {"session_open_us": str(setting.open_us), "session_close_us": str(setting.close_us)}
    return Fill(*trade, _evidence(BOOK_MODEL, terms, tick, known), setting.liquidity)


def recompute(evidence: FillEvidence, terms: OrderTerms) -> Fill | None:
    """The fill that the evidence stands for, computed again from nothing but it and the order's terms at that time.

    Raises InvalidValue when the evidence names another model, lacks a parameter, its seed is not this order's, or by
    its own words the order could not trade at that time. That its stop was met stands on the tape as OrderTriggered;
    execution.paper.trigger.first_met holds that to the ticks.
    """
    if evidence.model not in (MODEL, BOOK_MODEL):
        text = f"expected model {MODEL} or {BOOK_MODEL}, it was {evidence.model}"
        raise InvalidValue("EVIDENCE_MODEL_UNKNOWN", text)
    expected = seed(terms.order_id, evidence.tick)
    if evidence.seed != expected:
        raise InvalidValue("EVIDENCE_SEED_MISMATCH", f"expected seed {expected}, it was {evidence.seed}")
    given = dict(evidence.parameters)
    try:
        leaves = Decimal(given.pop("leaves_quantity"))
        setting = _setting(given, terms) if evidence.model == BOOK_MODEL else None
        parameters = msgspec.convert(given, PaperParameters)
    except (KeyError, ValueError, ArithmeticError, msgspec.ValidationError) as error:
        text = f"evidence of {evidence.model} is incomplete: {error!r}"
        raise InvalidValue("EVIDENCE_PARAMETERS_INVALID", text) from error
    tick = Tick(
        symbol=terms.symbol,
        market_time_us=evidence.tick.market_time_us,
        price=evidence.tick_price,
        volume=evidence.tick_volume,
    )
    at = TickAt(evidence.tick, tick)
    if setting is None:
        return fill(terms, leaves, at, parameters)
    _check_setting(setting, terms, evidence.tick.market_time_us)
    return fill_in_book(terms, leaves, at, parameters, setting)


def _evidence(model: str, terms: OrderTerms, at: TickAt, parameters: dict[str, str]) -> FillEvidence:
    return FillEvidence(
        tick=at.ref,
        tick_price=at.tick.price,
        tick_volume=at.tick.volume,
        model=model,
        parameters=parameters,
        seed=seed(terms.order_id, at.ref),
    )


def _as_text(parameters: PaperParameters) -> dict[str, str]:
    return {name: str(value) for name, value in msgspec.structs.asdict(parameters).items()}


def _setting(given: dict[str, str], terms: OrderTerms) -> Setting:
    """Take what belongs to the setting out of the evidence's parameters."""
    found: dict[str, str | None] = {
        "liquidity": given.pop("liquidity"),
        "given": given.pop("given_quantity"),
        "shared": given.pop("shared"),
        "open_us": given.pop("session_open_us", None),
        "close_us": given.pop("session_close_us", None),
    }
    if terms.has_trigger:
        found["triggered"] = given.pop("triggered")
    return msgspec.convert(found, Setting, strict=False)


def _check_setting(setting: Setting, terms: OrderTerms, time_us: int) -> None:
    """By the evidence's own words, whether the order could trade at this time and in this role."""
    if (setting.liquidity == "MAKER") != terms.post_only:
        text = (
            f"expected a maker to be post-only and no other, it was a {setting.liquidity}, post-only {terms.post_only}"
        )
        raise InvalidValue("EVIDENCE_ROLE_INVALID", text)
    if terms.has_trigger and not setting.triggered:
        raise InvalidValue("EVIDENCE_NOT_TRIGGERED", "expected a stop that was met, it was not")
    if terms.time_in_force == "GTD" and terms.expire_at_us is not None and time_us >= terms.expire_at_us:
        raise InvalidValue(
            "EVIDENCE_TIME_INVALID", f"expected a time before {terms.expire_at_us} us, it was {time_us} us"
        )
    if terms.time_in_force != "DAY" and terms.time_in_force not in AUCTIONS:
        return
    if setting.open_us is None or setting.close_us is None:
        raise InvalidValue(
            "EVIDENCE_PARAMETERS_INVALID", f"evidence of a {terms.time_in_force} order needs its session"
        )
    first, last = setting.open_us, setting.close_us + CLOSING_PRINT_US_MAX
    if terms.time_in_force == "AT_OPEN":
        last = setting.close_us - 1
    elif terms.time_in_force == "AT_CLOSE":
        first = setting.close_us
    else:
        first = 0
    if not first <= time_us <= last:
        text = f"expected a time from {first} to {last} us for {terms.time_in_force}, it was {time_us} us"
        raise InvalidValue("EVIDENCE_TIME_INVALID", text)
