"""Accounts with all their terms, conversions and transfers: commands on real Kafka, and reads of projected events."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest

from domain import commands
from domain.account_terms import FeeSchedule, MarginTerms
from domain.catalog import catalog
from domain.ledger import Ledger
from projections.groups import LEDGER
from projections.migrate import migrate
from runtime.settings import Settings
from tests.api.test_bad_input import OPEN_MARGIN
from tests.api.test_gateway import decoded, record_at, records
from tests.domain.desk import START_US, SYMBOLS
from tests.projections.tapes import Tape

pytestmark = pytest.mark.integration
KEY = {"Idempotency-Key": "k-1"}
TRANSFER = {"to_account_id": "acc_2", "amount": "250.00", "reason": "savings", "requested_by": "ada"}
CONVERSION = {
    "from_currency": "USD",
    "to_currency": "EUR",
    "amount": "1100.00",
    "rate": "0.909",
    "source": "ECB 2026-11-27",
}


async def sent(client: httpx.AsyncClient, settings: Settings, path: str, body: Any) -> tuple[dict[str, Any], Any]:
    """The answer, and the command at its place on the log."""
    answer = await client.post(path, json=body, headers=KEY)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["status_url"]
    return answer.json(), decoded(record_at(settings, answer.json()["position"]))


async def test_a_margin_account_is_opened_with_all_its_terms(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """What is given is on the log; what is not has the ledger's defaults. Other digits are a retry."""
    answer, command = await sent(online, ledger_settings, "/api/accounts", OPEN_MARGIN)
    again = await online.post("/api/accounts", json=OPEN_MARGIN | {"margin": {"long_maintenance": "0.3"}}, headers=KEY)
    other = await online.post("/api/accounts", json=OPEN_MARGIN | {"margin": None}, headers=KEY)

    assert (again.json(), other.json()["code"]) == (answer, "IDEMPOTENCY_KEY_CONFLICT")
    assert (command.currency, command.currencies, command.lot_method) == ("USD", ("EUR", "JPY"), "HIFO")
    assert command.margin == MarginTerms(long_maintenance=Decimal("0.30"))
    assert command.fee_schedule == FeeSchedule(per_unit=Decimal("0.005"), order_minimum=Decimal("1.00"))


async def test_a_conversion_is_one_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """The same key again gives the same answer and no record; with other content it is a conflict."""
    path = "/api/accounts/acc_1/conversions"

    answer, command = await sent(online, ledger_settings, path, CONVERSION)
    again = await online.post(path, json=CONVERSION, headers=KEY)
    other = await online.post(path, json=CONVERSION | {"rate": "0.91"}, headers=KEY)

    assert (again.json(), again.headers["idempotent-replayed"]) == (answer, "true")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_CONFLICT")
    assert records(ledger_settings, "trading.commands") == 1
    assert command == commands.ConvertCash(
        command_id=answer["command_id"],
        account_id="acc_1",
        issued_at_us=command.issued_at_us,
        from_currency="USD",
        to_currency="EUR",
        amount=Decimal("1100.00"),
        rate=Decimal("0.909"),
        source="ECB 2026-11-27",
    )


async def test_a_transfer_is_one_command(online: httpx.AsyncClient, ledger_settings: Settings) -> None:
    """Its id comes from the key: without Redis too, a retry is the same transfer."""
    answer, command = await sent(online, ledger_settings, "/api/accounts/acc_1/transfers", TRANSFER)

    assert answer["status_url"] == f"/api/accounts/acc_1/transfers/{answer['transfer_id']}"
    assert command == commands.TransferCash(
        command_id=answer["command_id"],
        account_id="acc_1",
        issued_at_us=command.issued_at_us,
        actor="ada",
        reason="savings",
        reference=answer["transfer_id"],
        to_account_id="acc_2",
        amount=Decimal("250.00"),
    )


# Reads


class House:
    """Ann on margin in dollars and euros, Bob, and Eve in euros; each event goes through the projections."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.ledger = Ledger(catalog(SYMBOLS))
        self.tape = Tape("ledger.events", 0)
        self.connection = connection
        self.count = 0
        self.send(
            commands.OpenAccount,
            "ann",
            owner="Ann",
            currencies=("EUR",),
            margin=MarginTerms(),
            fee_schedule=FeeSchedule(per_order=Decimal("1.50")),
        )
        self.send(commands.OpenAccount, "bob", owner="Bob")
        self.send(commands.OpenAccount, "eve", owner="Eve", currency="EUR")
        self.send(commands.Deposit, "ann", amount=Decimal(1000))

    def send(self, kind: Any, account: str, **fields: Any) -> Any:
        self.count += 1
        own = {"command_id": f"c{self.count}", "account_id": account, "issued_at_us": START_US + self.count}
        event = self.ledger.decide(kind(**own, **fields), START_US + self.count)
        record = self.tape.write(event)
        with self.connection.transaction(), self.connection.cursor() as cursor:
            LEDGER.apply(cursor, [(record, True)])
        return event

    def transfer(self, transfer_id: str, to: str) -> None:
        own = {"actor": "ada", "reason": "savings", "reference": transfer_id}
        self.send(commands.TransferCash, "ann", to_account_id=to, amount=Decimal(30), **own)

    def finish(self, transfer_id: str, to: str) -> None:
        own: dict[str, Any] = {"actor": "transfers", "reference": transfer_id, "amount": Decimal(30)}
        if to == "bob":
            self.send(commands.ReceiveTransfer, to, from_account_id="ann", reason="sent by ann", **own)
        else:
            why = f"{to} refused it: CURRENCY_MISMATCH"
            self.send(commands.ReturnTransfer, "ann", to_account_id=to, reason=why, **own)


@pytest.fixture
def house(ledger_settings: Settings) -> Iterator[House]:
    with psycopg.connect(ledger_settings.database_url, autocommit=True) as connection:
        yield House(connection)


async def test_an_account_shows_its_terms_and_money(online: httpx.AsyncClient, house: House) -> None:
    """Currencies, margin terms and fee schedule; a balance for each currency; the newest schedule counts."""
    house.send(
        commands.ConvertCash,
        "ann",
        from_currency="USD",
        to_currency="EUR",
        amount=Decimal("110.00"),
        rate=Decimal("0.5"),
        source="test",
    )
    before = (await online.get("/api/accounts/ann")).json()
    portfolio = (await online.get("/api/portfolio/ann")).json()
    house.send(commands.SetFeeSchedule, "ann", fee_schedule=None, changed_by="ops", reason="promised")
    after = (await online.get("/api/accounts/ann")).json()

    assert (before["currency"], before["currencies"]) == ("USD", ["EUR"])
    assert before["margin"] == {
        "long_initial": "0.50",
        "long_maintenance": "0.25",
        "short_initial": "0.50",
        "short_maintenance": "0.30",
    }
    assert before["fee_schedule"] == {
        "per_order": "1.50",
        "per_unit": "0",
        "bps": "0",
        "maker_bps": "0",
        "taker_bps": "0",
        "order_minimum": None,
        "order_cap_bps": None,
    }
    cash = {row["commodity"]: Decimal(row["amount"]) for row in before["balances"] if row["book_account"] == "cash"}
    assert cash == {"USD": 890, "EUR": 55}
    assert (portfolio["currency"], portfolio["other_currencies"]) == ("USD", ["EUR"])
    assert (await online.get("/api/portfolio/bob")).json()["other_currencies"] == []
    assert (after["fee_schedule"], after["margin"]) == (None, before["margin"])
    bob = (await online.get("/api/accounts/bob")).json()
    assert (bob["currencies"], bob["margin"], bob["fee_schedule"]) == ([], None, None)


async def test_transfers_are_shown_to_both_sides(online: httpx.AsyncClient, house: House) -> None:
    """On its way, arrived, returned; newest first, page by page; Bob sees what comes to him and nothing else."""
    for transfer_id, to in (("t1", "bob"), ("t2", "eve"), ("t3", "bob")):
        house.transfer(transfer_id, to)
    house.finish("t1", "bob")
    house.finish("t2", "eve")

    every = (await online.get("/api/accounts/ann/transfers")).json()["data"]
    first = (await online.get("/api/accounts/ann/transfers?limit=2")).json()
    rest = (await online.get(f"/api/accounts/ann/transfers?limit=2&cursor={first['cursor']}")).json()
    to_bob = (await online.get("/api/accounts/bob/transfers?status=ON_ITS_WAY")).json()["data"]
    one = (await online.get("/api/accounts/ann/transfers/t2")).json()
    none = await online.get("/api/accounts/bob/transfers/t1")
    ann, bob = [(await online.get(f"/api/portfolio/{name}")).json() for name in ("ann", "bob")]

    assert [(row["transfer_id"], row["status"]) for row in every] == [
        ("t3", "ON_ITS_WAY"),
        ("t2", "RETURNED"),
        ("t1", "ARRIVED"),
    ]
    assert first["data"] + rest["data"] == every
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [row["transfer_id"] for row in to_bob] == ["t3"]
    assert one == every[1]
    assert (one["from_account_id"], one["to_account_id"], one["amount"], one["currency"]) == ("ann", "eve", "30", "USD")
    assert (one["returned_because"], one["actor"], one["reason"]) == (
        "eve refused it: CURRENCY_MISMATCH",
        "ada",
        "savings",
    )
    assert [(Decimal(it["net_deposits"]), Decimal(it["total_pnl"])) for it in (ann, bob)] == [(940, 0), (30, 0)]
    assert (none.status_code, none.json()["code"]) == (404, "TRANSFER_UNKNOWN")


async def test_a_database_of_before_learns_the_terms_from_its_archive(
    online: httpx.AsyncClient, house: House, ledger_settings: Settings
) -> None:
    """The migration fills what the older projector did not know, the newest fee schedule included."""
    house.send(commands.SetFeeSchedule, "ann", fee_schedule=FeeSchedule(bps=Decimal(2)), changed_by="o", reason="r")
    expected = house.connection.execute("select * from accounts order by account_id").fetchall()
    house.connection.execute(
        "insert into projection_progress (projection, topic, partition, next_offset, head_seq, head_hash) "
        "values ('ledger', 'ledger.events', 0, 9, 9, '')"
    )
    house.connection.execute("drop view transfers")
    house.connection.execute("drop index operator_actions_received")
    for column in ("currencies", "margin", "fee_schedule"):
        house.connection.execute(f"alter table accounts drop column {column}".encode())
    house.connection.execute("delete from schema_migrations where name like '0009%'")

    assert migrate(ledger_settings.database_url) == ["0009_accounts_transfers.sql"]

    assert house.connection.execute("select * from accounts order by account_id").fetchall() == expected
    assert expected[0][-1] == {"bps": "2"}
