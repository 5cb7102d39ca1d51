"""The order book as pure functions: when an order stands on it, with which priority, and how levels move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import events as e
from domain.events import OrderTerms
from projections import book
from projections.order_fold import Fold
from tests.projections import depth_story as d
from tests.projections import story
from tests.projections.test_orders import events_of


def stood(terms: OrderTerms, *more: tuple[type[Any], dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Each way in which an order stood on the book, the last one as well: price, units, status, priority, since."""
    author = story.Author("acc_dan")
    author.write(e.OrderAccepted, **story.accepted(terms))
    for kind, fields in more:
        author.write(kind, **fields)
    fold = Fold()
    for event in events_of(0, author.events):
        fold.take(event)
    entries = [book.Entry(*span[: len(book.ENTRIES)]) for span in fold.spans] + list(fold.entries.values())
    return [
        (str(one.price), str(one.quantity), one.status, one.priority_by, one.priority_offset, one.since_offset)
        for one in entries
    ]


ACKNOWLEDGED = (e.OrderAcknowledged, story.acknowledged("o"))


def test_an_order_is_on_the_book_when_a_venue_has_it() -> None:
    """Before the acknowledgement it is nowhere; from then on it stands where it came in."""
    assert stood(d.limit("o", "BUY", "5", "50")) == []
    assert stood(d.limit("o", "BUY", "5", "50"), ACKNOWLEDGED) == [("50", "5", "NEW", "ENTERED", 1, 1)]


def test_orders_without_a_limit_price_rest_nowhere() -> None:
    """A market order is at the venue and on no level."""
    assert stood(story.terms("o", "BUY", "5"), ACKNOWLEDGED) == []


def test_a_stop_limit_order_enters_when_it_triggers() -> None:
    """It takes its place in the queue by its trigger, not by its acknowledgement."""
    trigger = {
        "report_id": "t",
        "order_id": "o",
        "dispatch_epoch": 1,
        "venue": "PAPER",
        "price": Decimal(45),
        "tick": None,
        "market_time_us": story.T1,
    }
    terms = d.limit("o", "SELL", "5", "44", stop="45")

    assert stood(terms, ACKNOWLEDGED) == []
    assert stood(terms, ACKNOWLEDGED, (e.OrderTriggered, trigger)) == [("44", "5", "NEW", "ENTERED", 2, 2)]


def test_a_redispatch_keeps_the_place() -> None:
    """Another worker takes the order over at the same venue: it stands as it stood, in one unbroken span."""
    again = {"report_id": "r", "order_id": "o", "dispatch_epoch": 2, "reason": "worker_lost"}

    assert stood(
        d.limit("o", "BUY", "5", "50"),
        ACKNOWLEDGED,
        (e.OrderRedispatched, again),
        (e.OrderAcknowledged, story.acknowledged("o", 2)),
    ) == [("50", "5", "NEW", "ENTERED", 1, 1)]


def test_a_replacement_keeps_or_loses_the_place() -> None:
    """The old terms stand until the venue has answered; by its rule the order keeps its place or goes to the end."""
    new = d.limit("o", "BUY", "4", "50")
    asked = (e.OrderReplaceRequested, d.ask(1, new))
    for keeps, priority in ((True, ("KEPT", 1)), (False, ("LOST", 3))):
        answer: dict[str, Any] = {
            **d.report("o", 1),
            "revision": 1,
            "keeps_priority": keeps,
            "order": new,
            "leaves_quantity": Decimal(4),
            "status": "NEW",
        }

        assert stood(d.limit("o", "BUY", "5", "50"), ACKNOWLEDGED, asked, (e.OrderReplaced, answer)) == [
            ("50", "5", "NEW", "ENTERED", 1, 1),
            ("50", "5", "PENDING_REPLACE", "ENTERED", 1, 2),
            ("50", "4", "NEW", *priority, 3),
        ]


def level(side: str, price: int, quantity: int, order_id: str) -> book.Entry:
    return book.Entry(*(order_id, "acc", "X", side, Decimal(price), Decimal(quantity), "NEW", "ENTERED", 0, 0, 0, 0, 0))


def test_levels_move_by_the_difference() -> None:
    """A level that shrinks, one that goes, one that comes and one that stays."""
    stays = level("SELL", 80, 1, "c")
    before = [level("BUY", 50, 7, "a"), level("BUY", 50, 3, "b"), level("BUY", 60, 5, "d"), stays]
    after = [level("BUY", 50, 7, "a"), level("BUY", 70, 4, "b"), stays]

    assert book.difference(before, after) == [
        ("X", "BUY", Decimal(50), Decimal(-3), -1),
        ("X", "BUY", Decimal(60), Decimal(-5), -1),
        ("X", "BUY", Decimal(70), Decimal(4), 1),
    ]
