"""What must be so of groups, of other terms for orders, and of shared ticks, by what clients were told and the tape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tests.faults.load import Asked
from tests.faults.rawtape import Event

DONE = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED"})
_ENDS = frozenset({"OrderCanceled", "OrderExpired", "OrderRefusedByVenue"})
_FINISHED = frozenset({"FILLED"})


def _ends(event: Event) -> Iterator[str]:
    """The orders that an event ends."""
    if event.kind in _ENDS or event.data.get("status") in _FINISHED:
        yield event.data["order_id"]
    for link in event.data.get("linked", ()):
        if link["effect"] == "CANCELED":
            yield link["order_id"]


def groups(asked: dict[str, Asked], tape: Sequence[Event]) -> Iterator[str]:
    """Each acknowledged group is one, as it was asked for; its orders come and go as its kind says."""
    decided: dict[str, list[Event]] = defaultdict(list)
    for event in tape:
        if event.kind in ("OrderGroupAccepted", "OrderGroupRejected"):
            decided[event.data["client_group_id"]].append(event)
    for name, group in asked.items():
        events = decided.pop(name, [])
        if len(events) != 1 and (group.acknowledged or events):
            yield f"group {name}, acknowledged: {group.acknowledged}, was decided as {[event.kind for event in events]}"
        for event in events:
            yield from _content(name, group.content, event)
            if event.kind == "OrderGroupAccepted":
                yield from _course(event, tape)
    for name in decided:
        yield f"group {name} was asked for by nobody"


def _content(name: str, content: Any, event: Event) -> Iterator[str]:
    legs = content["orders"]
    if (len(legs), content["kind"]) != (len(event.data["orders"]), event.data["kind"]):
        yield f"group {name} became {event.data}"
    for leg, order in zip(legs, event.data["orders"], strict=False):
        for field, expected in leg.items():
            if str(order.get(field)) != str(expected):
                yield f"order {order['client_order_id']}: {field} is {order.get(field)}, asked for was {expected}"


def _course(accepted: Event, tape: Iterable[Event]) -> Iterator[str]:
    """What the first fill of an OCO leg means for the others, and when the children of a parent may trade."""
    kind, legs = accepted.data["kind"], [order["order_id"] for order in accepted.data["orders"]]
    ended: set[str] = set()
    activated: set[str] = set() if kind != "OCO" else set(legs)
    activated.add(legs[0])
    for event in tape:
        data = event.data
        order_id = data.get("order_id")
        linked = {link["order_id"]: link["effect"] for link in data.get("linked", ())}
        if event.kind == "OrderFilled" and order_id in legs:
            if order_id not in activated:
                yield f"{order_id} of {kind} has traded before its parent was filled"
            others = set(legs) - ended - {order_id}
            if kind == "OCO" and not others <= linked.keys() | _asked(event, others, tape):
                yield f"{order_id} of an OCO has traded, and {others - linked.keys()} goes on"
        activated |= {name for name, effect in linked.items() if effect == "ACTIVATED"}
        ended.update(name for name in _ends(event) if name in legs)


def _asked(until: Event, orders: set[str], tape: Iterable[Event]) -> set[str]:
    """Those of the orders whose cancel was asked for before this event."""
    found: set[str] = set()
    for event in tape:
        if event is until:
            break
        links = [link["order_id"] for link in event.data.get("linked", ()) if link["effect"] == "CANCEL_REQUESTED"]
        found.update(name for name in links if name in orders)
        if event.kind == "OrderCancelRequested" and event.data["order_id"] in orders:
            found.add(event.data["order_id"])
    return found


def replaces(asked: Sequence[Asked], tape: Sequence[Event]) -> Iterator[str]:
    """Each acknowledged wish for other terms is decided, taken at most once, and answered once unless its order ends.

    One that is refused may be refused again when it comes again: that changes nothing.
    """
    by_command: dict[str, list[Event]] = defaultdict(list)
    answers: dict[tuple[str, int], list[Event]] = defaultdict(list)
    ended: set[str] = set()
    for event in tape:
        if event.kind in ("OrderReplaceRequested", "CommandRejected"):
            by_command[event.data["command_id"]].append(event)
        elif event.kind in ("OrderReplaced", "OrderReplaceRefused"):
            answers[event.data["order_id"], event.data["revision"]].append(event)
        ended.update(_ends(event))
    for wish in asked:
        decided = by_command[wish.answer["command_id"]] if wish.acknowledged else []
        taken = [event for event in decided if event.kind == "OrderReplaceRequested"]
        if wish.acknowledged and (len(taken) > 1 or not decided):
            yield f"other terms for {wish.about} were decided as {[event.kind for event in decided]}"
        for event in taken:
            yield from _answered(wish, event, answers[wish.about, event.data["revision"]], wish.about in ended)


def _answered(wish: Asked, requested: Event, answers: Sequence[Event], is_over: bool) -> Iterator[str]:
    if len(answers) > 1 or not (answers or is_over):
        yield f"revision {requested.data['revision']} of {wish.about} has {len(answers)} answers, over: {is_over}"
    terms = [requested.data["order"], *(answer.data["order"] for answer in answers if answer.kind == "OrderReplaced")]
    for name, expected in wish.content.items():
        for order in terms if name != "account_id" else ():
            if str(order[name]) != str(expected):
                yield f"{wish.about}: {name} is {order[name]}, asked for was {expected}"


def shares(fills: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """All orders together have got no more of a tick than its share, which each fill's evidence says.

    fills: the data of OrderFilled.
    """
    got: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    most: dict[tuple[int, int], Decimal] = {}
    for fill in fills:
        evidence = fill["evidence"]
        place = (evidence["tick"]["partition"], evidence["tick"]["offset"])
        got[place] += Decimal(fill["quantity"])
        share = Decimal(evidence["parameters"]["participation_max"]) * Decimal(evidence["tick_volume"])
        most[place] = share.to_integral_value(ROUND_FLOOR)
    for place, quantity in got.items():
        if quantity > most[place]:
            yield f"the tick at {place} gave {quantity} units, its share was {most[place]}"
