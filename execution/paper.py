"""The paper venue: executes against the tape's ticks with half spread, square-root impact and a participation cap.

Model `paper-sqrt-impact/1`, all in Decimal with 34 digits:

    quantity = min(leaves, floor(participation_max x tick volume)), in whole quantity increments
    cost     = half_spread x (1 + spread_jitter x (2u - 1)) + impact x sqrt(quantity / tick volume)
    price    = tick price x (1 + cost) for a purchase, x (1 - cost) for a sale, 4 decimals, rounded against the trader
    fee      = price x quantity x fee, rounded up to the cent

u in [0, 1) is the first 8 bytes of the seed, SHA-256 of order id, tick partition and tick offset. An order whose price
would be beyond its limit or its protection price gets nothing on that tick: it is never filled in a smaller part to
come within it. Square-root impact: Almgren, Thum, Hauptmann, Li, "Direct estimation of equity market impact", 2005.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import NamedTuple

import msgspec

from domain import ids
from domain.errors import InvalidValue
from domain.market import Instrument, Tick, TickRef
from domain.reports import FillEvidence
from domain.terms import OrderTerms
from execution.order import TickAt, WorkingOrder
from execution.venue import Cancellation, Execution, Listener, Outcome, Refusal, Replacement, ReplaceRefusal
from runtime.settings import Settings

MODEL = "paper-sqrt-impact/1"
_CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN)
_BPS = Decimal("0.0001")
_PRICE_STEP = Decimal("0.0001")
_CENT = Decimal("0.01")
_TWO_TO_64 = Decimal(2**64)
_INCREMENT: Decimal = Instrument(symbol="*").quantity_increment


class PaperParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Basis points of the tick's price, but participation_max and spread_jitter, which are shares of one."""

    half_spread_bps: Decimal
    impact_bps: Decimal
    participation_max: Decimal
    fee_bps: Decimal
    spread_jitter: Decimal = Decimal("0.2")
    quantity_increment: Decimal = _INCREMENT

    @classmethod
    def of(cls, settings: Settings) -> PaperParameters:
        return cls(
            half_spread_bps=settings.paper_half_spread_bps,
            impact_bps=settings.paper_impact_bps,
            participation_max=settings.paper_participation_max,
            fee_bps=settings.paper_fee_bps,
        )


class Fill(NamedTuple):
    """What one order gets on one tick. price: per unit; fee: in the instrument's currency."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    evidence: FillEvidence


def fill(terms: OrderTerms, leaves: Decimal, tick: TickAt, parameters: PaperParameters) -> Fill | None:
    """What `leaves` units of an order get on a tick; None: nothing. Pure: equal arguments give an equal answer."""
    with localcontext(_CONTEXT):
        return _fill(terms, leaves, tick, parameters)


def recompute(evidence: FillEvidence, terms: OrderTerms) -> Fill | None:
    """The fill that the evidence stands for, computed again from nothing but it and the order's terms.

    Raises InvalidValue when the evidence names another model, lacks a parameter, or its seed is not this order's.
    """
    if evidence.model != MODEL:
        raise InvalidValue("EVIDENCE_MODEL_UNKNOWN", f"expected model {MODEL}, it was {evidence.model}")
    expected = seed(terms.order_id, evidence.tick)
    if evidence.seed != expected:
        raise InvalidValue("EVIDENCE_SEED_MISMATCH", f"expected seed {expected}, it was {evidence.seed}")
    given = dict(evidence.parameters)
    try:
        leaves = Decimal(given.pop("leaves_quantity"))
        parameters = msgspec.convert(given, PaperParameters)
    except (KeyError, ArithmeticError, msgspec.ValidationError) as error:
        raise InvalidValue("EVIDENCE_PARAMETERS_INVALID", f"evidence of {MODEL} is incomplete: {error!r}") from error
    tick = Tick(
        symbol=terms.symbol,
        market_time_us=evidence.tick.market_time_us,
        price=evidence.tick_price,
        volume=evidence.tick_volume,
    )
    return fill(terms, leaves, TickAt(evidence.tick, tick), parameters)


def seed(order_id: str, tick: TickRef) -> str:
    """SHA-256, in hex, of `order_id:partition:offset`: the same for whoever evaluates the order."""
    return hashlib.sha256(f"{order_id}:{tick.partition}:{tick.offset}".encode()).hexdigest()


def _fill(terms: OrderTerms, leaves: Decimal, at: TickAt, parameters: PaperParameters) -> Fill | None:
    quantity = _quantity(leaves, at.tick.volume, parameters)
    if quantity <= 0:
        return None
    seed_hex = seed(terms.order_id, at.ref)
    price = _price(terms, quantity, at.tick, parameters, int(seed_hex[:16], 16) / _TWO_TO_64)
    if price <= 0 or _is_beyond(terms, price):
        return None
    fee = (price * quantity * parameters.fee_bps * _BPS).quantize(_CENT, rounding=ROUND_CEILING)
    evidence = FillEvidence(
        tick=at.ref,
        tick_price=at.tick.price,
        tick_volume=at.tick.volume,
        model=MODEL,
        parameters={**_as_text(parameters), "leaves_quantity": str(leaves)},
        seed=seed_hex,
    )
    return Fill(quantity, price, fee, evidence)


def _quantity(leaves: Decimal, volume: Decimal, parameters: PaperParameters) -> Decimal:
    increment = parameters.quantity_increment
    cap = parameters.participation_max * volume // increment * increment
    return min(leaves, cap)


def _price(terms: OrderTerms, quantity: Decimal, tick: Tick, parameters: PaperParameters, u: Decimal) -> Decimal:
    half_spread = parameters.half_spread_bps * (1 + parameters.spread_jitter * (2 * u - 1))
    impact = parameters.impact_bps * (quantity / tick.volume).sqrt()
    cost = (half_spread + impact) * _BPS
    if terms.side == "BUY":
        return (tick.price * (1 + cost)).quantize(_PRICE_STEP, rounding=ROUND_CEILING)
    return (tick.price * (1 - cost)).quantize(_PRICE_STEP, rounding=ROUND_FLOOR)


def _is_beyond(terms: OrderTerms, price: Decimal) -> bool:
    worst = terms.worst_price
    if worst is None:
        return False
    return price > worst if terms.side == "BUY" else price < worst


def _as_text(parameters: PaperParameters) -> dict[str, str]:
    return {name: str(value) for name, value in msgspec.structs.asdict(parameters).items()}


class PaperVenue:
    """Executes on paper. Holds nothing: each worker that evaluates an order says the same."""

    name = "PAPER"

    def __init__(self, parameters: PaperParameters) -> None:
        self._parameters = parameters
        self._listener: Listener | None = None

    async def start(self, listener: Listener) -> None:
        self._listener = listener

    async def stop(self) -> None:
        self._listener = None

    async def submit(self, order: WorkingOrder) -> None:
        """Refuses terms that no tick can ever meet; all others wait for their ticks."""
        refusal = _refusal(order)
        if refusal is not None:
            self._tell(order, refusal)

    async def cancel(self, order: WorkingOrder) -> None:
        self._tell(order, Cancellation("requested"))

    async def replace(self, order: WorkingOrder, terms: OrderTerms, revision: int) -> None:
        """Taken while something is left. A smaller quantity at the same prices keeps the place in the queue."""
        if terms.quantity - (order.terms.quantity - order.leaves) <= 0:
            text = f"expected a quantity above what is filled, it was {terms.quantity}"
            self._tell(order, ReplaceRefusal(revision, "ORDER_NOTHING_LEFT", text))
            return
        is_smaller = terms.quantity < order.terms.quantity
        self._tell(order, Replacement(revision, is_smaller and terms.of_quantity(order.terms.quantity) == order.terms))

    def evaluate(self, order: WorkingOrder, tick: TickAt) -> None:
        got = fill(order.terms, order.leaves, tick, self._parameters)
        if got is not None:
            execution_id = ids.execution_id(order.order_id, tick.ref.partition, tick.ref.offset)
            self._tell(
                order,
                Execution(execution_id, got.quantity, got.price, got.fee, tick.ref.market_time_us, got.evidence),
            )

    def _tell(self, order: WorkingOrder, outcome: Outcome) -> None:
        assert self._listener is not None, "the venue was not started"
        self._listener(order.order_id, outcome)


def _refusal(order: WorkingOrder) -> Refusal | None:
    terms = order.terms
    if not order.leaves.is_finite() or order.leaves <= 0:
        return Refusal("ORDER_NOTHING_LEFT", f"expected a quantity above zero to execute, it was {order.leaves}")
    if terms.order_type == "LIMIT" and terms.limit_price is None:
        return Refusal("ORDER_LIMIT_MISSING", "a LIMIT order needs a limit price, it had none")
    worst = terms.worst_price
    if worst is not None and not (worst.is_finite() and worst > 0):
        return Refusal("ORDER_PRICE_INVALID", f"expected a limit or protection price above zero, it was {worst}")
    return None
