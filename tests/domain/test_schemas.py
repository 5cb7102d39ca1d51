"""Schemas on file: current, readable for ever, and true of the bytes; and how old versions are read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from domain import commands, events, ids, reports, schema
from domain.account_terms import FeeSchedule, MarginTerms
from domain.errors import UnreadableInput
from domain.json_schema import DIALECT, breaking_changes, json_schemas, missing_upcasters
from domain.limits import Limits
from domain.reports import FillEvidence
from domain.upcasters import UPCASTERS
from streams import schemas
from tests.domain.desk import Desk, tick
from tests.domain.officer import halt, limit, mark, priced, resume
from tests.domain.operators import OPERATORS_EVENTS, OperatorDesk, a_day_of_operators
from tests.domain.risk_desk import RiskDesk, limits_of

STORED = schemas.stored()


def test_the_files_are_those_of_the_program() -> None:
    """infra/kafka/schemas holds the text of each message's schema; `python -m streams.schemas` writes it."""
    assert len(STORED) >= len(schema.MESSAGES)
    for name, current in json_schemas().items():
        assert (schemas.FOLDER / f"{name}.json").read_text() == schemas.text_of(current), name


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_file_is_a_json_schema(name: str) -> None:
    """Each file is valid in the dialect that it names."""
    assert STORED[name]["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(STORED[name])


def test_every_stored_version_can_be_read() -> None:
    """Each is the current struct's, unbroken, or has upcasters up to it."""
    assert schemas.problems() == []


def _depth(desk: Desk) -> list[Any]:
    """Commands and reports of groups, stops and replacements; gives the commands and reports."""
    stop = desk.submit("BUY", "1", order_type="STOP", stop_price=Decimal(11), protection_price=Decimal(12))
    sent = [
        desk.report(
            reports.ReportTriggered, stop.order.order_id, venue="v", price=Decimal(11), market_time_us=1, tick=tick(3)
        ),
        commands.ReplaceOrder(**desk._envelope({}), order_id=stop.order.order_id, quantity=Decimal(2)),
        desk.report(reports.ReportReplaceRefused, stop.order.order_id, revision=1, code="C_D", text="t"),
        commands.ReplaceOrder(**desk._envelope({}), order_id=stop.order.order_id, quantity=Decimal(3)),
        desk.report(reports.ReportReplaced, stop.order.order_id, revision=2, keeps_priority=True),
        desk.report(reports.ReportExpired, stop.order.order_id, reason="day_over", market_time_us=2),
    ]
    for message in sent:
        assert desk.send(message) is not None
    entry = desk.terms("entry", "BUY", "1", limit_price="10")
    for price in ("11", "0.001"):
        exit_ = desk.terms(f"exit {price}", "SELL", "1", limit_price=price)
        desk.group(
            "OTO",
            msgspec.structs.replace(entry, client_order_id=f"e{price}", order_id=ids.order_id("acc", f"e{price}")),
            exit_,
        )
    desk.fill(ids.order_id("acc", "e11"), "1", "10")
    for order_id in list(desk.account.orders):
        desk.canceled(order_id)
    desk.prices(AAPL="10", IBM="10")
    plan = commands.PlanRebalance(
        **desk._envelope({"command_id": "plan"}), plan_id=ids.plan_id("acc", "plan"), weights={"IBM": Decimal(1)}
    )
    sent += [plan, commands.CancelRebalance(**desk._envelope({}), plan_id=plan.plan_id)]
    for message in sent[-2:]:
        assert desk.send(message) is not None
    return sent


def _risk(desk: RiskDesk) -> None:
    """What a risk officer does in a day."""
    desk.set_limits(limits_of(order_quantity_max="100", restricted_symbols=("IBM",), executions_max=1))
    desk.revoke(desk.grant("block", "ORDER_QUANTITY_EXCEEDED", "ORDER_DUPLICATE").override_id)
    desk.trade("BUY", "1", "9.00", strategy_id="swift")
    desk.enable("swift")
    desk.submit("BUY", "1", "8.00")
    desk.kill()
    desk.release()


def test_the_messages_are_as_their_schemas_say() -> None:
    """Commands, reports and events of a small trading day pass their schemas, with an independent validator."""
    desk = RiskDesk(fee_bps="1.5", margin=MarginTerms(), currencies=("EUR",))
    desk.ledger.marks.clear()
    desk.mark("AAPL", "10.00")
    command = desk.order("BUY", "5", "10.00", active_after=tick(1))
    accepted = desk.send(command)
    order_id = accepted.order.order_id
    desk.acknowledge(order_id, active_after=tick(1))
    evidence = FillEvidence(
        tick=tick(2), tick_price=Decimal("9.99"), tick_volume=Decimal(100), model="m", parameters={"a": "1"}, seed="s"
    )
    report = desk.filling(order_id, "2", "9.9912", "0.01", evidence=evidence)
    desk.send(report)
    desk.redispatch(order_id)
    desk.cancel(order_id)
    desk.canceled(order_id, dispatch_epoch=2)
    desk.trade("SELL", "1", "12.00")
    desk.refused(desk.submit("BUY", "1", "1.00").order.order_id)
    desk.submit("SELL", "100")
    desk.withdraw("1")
    desk.withdraw("1000000")
    desk.convert("10", "USD", "EUR", "0.9")
    desk.set_fees(FeeSchedule(bps=Decimal(1)))
    desk.locate("10")
    desk.fill("ord_unknown", "1", "1.00")
    desk.resolved(desk.found("EXECUTION_MISSING_IN_LEDGER", "ord_unknown", "exe_unknown").break_id)
    limit(desk, Limits(order_value_max=Decimal("1000"), restricted_symbols=("IBM",)))
    halt(desk, "s1")
    resume(desk, "s1")
    limit(desk, Limits())
    mark(desk, priced("EUR/USD", "1.3", 1, 2))
    deep = _depth(desk)
    _risk(desk)
    messages = [command, report, *deep, *desk.events]
    assert {type(message) for message in desk.events} == set(events.LEDGER_EVENTS) - OPERATORS_EVENTS
    _check_schemas(messages)


def test_what_operators_do_is_as_the_schemas_say() -> None:
    """Corporate actions, cash movements, corrections and busts: commands, reports and events."""
    desk = OperatorDesk()

    sent = a_day_of_operators(desk)

    assert {type(message) for message in desk.events} >= OPERATORS_EVENTS
    assert {type(message) for message in sent} >= {
        *(cls for cls in commands.COMMANDS if issubclass(cls, commands.OperatorCommand)),
        *(reports.ReportCorrected, reports.ReportBusted),
    }
    _check_schemas([*sent, *desk.events])


def _check_schemas(messages: list[Any]) -> None:
    for message in messages:
        type_, value = schema.encode(message)
        jsonschema.validate(json.loads(value), STORED[type_])
        assert schema.decode(type_, value) == message
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(value) | {"surprise": 1}, STORED[type_])


# What breaks readers, planted one by one


def _fields(document: dict[str, Any]) -> Any:
    return document["$defs"]["SubmitOrder"]["properties"]


def _remove_field(document: dict[str, Any]) -> None:
    del _fields(document)["strategy_id"]


def _require_a_new_field(document: dict[str, Any]) -> None:
    _fields(document)["desk"] = {"type": "string"}
    document["$defs"]["SubmitOrder"]["required"].append("desk")


def _require_an_old_field(document: dict[str, Any]) -> None:
    document["$defs"]["SubmitOrder"]["required"].append("signal_id")


def _change_a_type(document: dict[str, Any]) -> None:
    _fields(document)["issued_at_us"] = {"type": "string"}


def _decimal_to_text(document: dict[str, Any]) -> None:
    _fields(document)["symbol"] = {"type": "string", "format": "decimal"}


def _forbid_null(document: dict[str, Any]) -> None:
    _fields(document)["limit_price"] = {"type": "string", "format": "decimal"}


def _drop_a_choice(document: dict[str, Any]) -> None:
    _fields(document)["order_type"] = {"enum": ["LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]}


def _close_a_text(document: dict[str, Any]) -> None:
    _fields(document)["symbol"] = {"enum": ["AAPL"]}


def _shorten_a_text(document: dict[str, Any]) -> None:
    _fields(document)["symbol"]["maxLength"] = 5


def _break_a_part(document: dict[str, Any]) -> None:
    document["$defs"]["TickRef"]["properties"]["offset"] = {"type": "string"}


BREAKING: dict[Callable[[dict[str, Any]], None], str] = {
    _remove_field: ".strategy_id: removed",
    _require_a_new_field: ".desk: newly required",
    _require_an_old_field: ".signal_id: newly required",
    _change_a_type: ".issued_at_us: type was integer, is string",
    _decimal_to_text: ".symbol: format was None, is decimal",
    _forbid_null: ".limit_price: type was null, is string",
    _drop_a_choice: ".order_type: ['MARKET'] no longer allowed",
    _close_a_text: ".symbol: ['any value'] no longer allowed",
    _shorten_a_text: ".symbol: maxLength was None, is 5",
    _break_a_part: ".active_after.offset: type was integer, is string",
}


@pytest.mark.parametrize("plant", BREAKING, ids=lambda plant: plant.__name__.strip("_"))
def test_a_breaking_change_is_found_and_named(plant: Callable[[dict[str, Any]], None]) -> None:
    """What a reader of the new schema could not read of the old is said with the field's path."""
    old = STORED["tapeledger.SubmitOrder.v1"]
    new = copy.deepcopy(old)
    plant(new)

    assert breaking_changes(old, new) == [BREAKING[plant]]


def test_a_widening_breaks_nothing() -> None:
    """A new optional field, one more choice, a field that may now be null: old records can still be read."""
    old = STORED["tapeledger.SubmitOrder.v1"]
    new = copy.deepcopy(old)
    _fields(new)["display_quantity"] = {"enum": ["DAY"], "default": "DAY"}
    _fields(new)["order_type"]["enum"].append("PEGGED")
    _fields(new)["symbol"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    new["$defs"]["SubmitOrder"]["required"].remove("client_order_id")

    assert breaking_changes(old, new) == []
    assert breaking_changes(new, old) != []


def test_a_breaking_change_is_not_written(tmp_path: Path) -> None:
    """The generator refuses to replace a stored version that it would break, and leaves every file as it was."""
    schemas.write(tmp_path)
    path = tmp_path / "tapeledger.Deposit.v1.json"
    older = json.loads(path.read_text())
    older["$defs"]["Deposit"]["properties"]["branch"] = {"type": "string"}
    path.write_text(schemas.text_of(older))

    with pytest.raises(ValueError, match=r"tapeledger\.Deposit\.v1: \.branch: removed"):
        schemas.write(tmp_path)
    assert json.loads(path.read_text()) == older


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """A second run writes nothing; a lost file is written again."""
    assert len(schemas.write(tmp_path)) == len(schema.MESSAGES)
    assert schemas.write(tmp_path) == []
    (tmp_path / "tapeledger.Tick.v1.json").unlink()
    assert [path.name for path in schemas.write(tmp_path)] == ["tapeledger.Tick.v1.json"]


# Old versions: Withdraw is made version 3; version 1 called the amount `sum`, version 2 had no currency.


@pytest.fixture
def third_version(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = msgspec.json.Decoder(commands.Withdraw)
    monkeypatch.setitem(schema.VERSIONS, "Withdraw", 3)
    monkeypatch.delitem(schema._BY_TYPE, "tapeledger.Withdraw.v1")
    monkeypatch.setitem(schema._BY_TYPE, "tapeledger.Withdraw.v3", decoder)
    monkeypatch.setitem(schema._TYPE_OF, commands.Withdraw, "tapeledger.Withdraw.v3")

    def first(data: dict[str, Any]) -> dict[str, Any]:
        return {"amount" if name == "sum" else name: value for name, value in data.items()}

    def second(data: dict[str, Any]) -> dict[str, Any]:
        return data | {"currency": "EUR"}

    monkeypatch.setitem(UPCASTERS, ("Withdraw", 1), first)
    monkeypatch.setitem(UPCASTERS, ("Withdraw", 2), second)


OLDEST = b'{"command_id":"c","account_id":"a","issued_at_us":1,"sum":"1.10"}'


@pytest.mark.usefixtures("third_version")
def test_an_old_version_is_brought_up_step_by_step() -> None:
    """A record of version 1 is read as the struct of version 3; what is written is version 3."""
    message = schema.decode("tapeledger.Withdraw.v1", OLDEST)

    assert message == commands.Withdraw(
        command_id="c", account_id="a", issued_at_us=1, amount=Decimal("1.10"), currency="EUR"
    )
    type_, value = schema.encode(message)
    assert type_ == "tapeledger.Withdraw.v3"
    assert schema.decode(type_, value) == message


@pytest.mark.usefixtures("third_version")
def test_an_old_record_with_a_defect_is_unreadable() -> None:
    """Upcasting does not soften the reading: a bad amount is still no Withdraw."""
    with pytest.raises(UnreadableInput, match=r"not a tapeledger\.Withdraw\.v1"):
        schema.decode("tapeledger.Withdraw.v1", OLDEST.replace(b'"1.10"', b'"much"'))


@pytest.mark.usefixtures("third_version")
def test_a_missing_link_in_the_chain_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the upcaster of version 2 the stored version 1 is a problem, on file and when it is read."""
    assert missing_upcasters(["tapeledger.Withdraw.v1", "tapeledger.Withdraw.v3"]) == []
    monkeypatch.delitem(UPCASTERS, ("Withdraw", 2))

    problem = "tapeledger.Withdraw.v1: Withdraw has no upcaster from version 2"
    assert missing_upcasters(["tapeledger.Withdraw.v1"]) == [problem]
    assert problem in schemas.problems()
    with pytest.raises(UnreadableInput, match="no upcaster from version 2"):
        schema.decode("tapeledger.Withdraw.v1", OLDEST)


def test_versions_and_names_that_nobody_knows_are_problems() -> None:
    """A stored version above the newest, and a message that was deleted, cannot be read."""
    assert missing_upcasters(["tapeledger.Deposit.v2", "tapeledger.Gone.v1"]) == [
        "tapeledger.Deposit.v2: the newest version of Deposit is 1",
        "tapeledger.Gone.v1: there is no message Gone any more",
    ]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("tapeledger.Deposit.v2", b"{}"),
        ("tapeledger.Nothing.v1", b"{}"),
        ("something.else", b"{}"),
        ("tapeledger.Deposit.v1", b"{"),
        ("tapeledger.Deposit.v1", b'{"command_id":"c","account_id":"a","issued_at_us":1,"amount":"one"}'),
        ("tapeledger.Deposit.v1", b'{"command_id":"c","account_id":"a","issued_at_us":1,"amount":"1","more":1}'),
        ("tapeledger.Deposit.v1", b"\xff\xfe"),
    ],
)
def test_what_is_no_message_is_unreadable(type_: str, value: bytes) -> None:
    """Newer versions, unknown names, broken JSON, wrong and unknown fields: one error for all."""
    with pytest.raises(UnreadableInput):
        schema.decode(type_, value)


def test_decimals_travel_as_texts_and_keep_their_digits() -> None:
    """No reader is led to make a float of money."""
    amount = Decimal("0.10000000000000000555")
    message = commands.Deposit(command_id="c", account_id="a", issued_at_us=1, amount=amount)
    _, value = schema.encode(message)

    assert json.loads(value)["amount"] == "0.10000000000000000555"
    assert schema.decode("tapeledger.Deposit.v1", value).amount.as_tuple() == amount.as_tuple()
