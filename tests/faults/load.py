"""The clients: they ask over HTTP, try again until they have an answer, and write down what they were told."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from tests.faults import wants
from tests.keys import ROOT

ACCOUNTS = 10
CAPITAL = Decimal(1_000_000)
CLIENTS = 6
CONNECTIONS = 48
REQUEST_S_MAX = 6.0
AGAIN_S = 0.4
FINAL = frozenset({"FILLED", "CANCELED", "REJECTED"})
GROUPS_SHARE, REPLACES_SHARE = 0.06, 0.12


@dataclass
class Asked:
    """One thing that a client wanted, and the first answer that settled it. content: the request's body.

    about: the order that it is about, where it is not a new one.
    """

    account_id: str
    path: str
    content: Mapping[str, Any]
    key: str = ""
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    told_at_s: float = 0.0
    method: str = "POST"
    about: str = ""

    @property
    def order_ids(self) -> list[str]:
        """Of the orders that were asked for."""
        return list(self.answer.get("order_ids") or [self.answer["order_id"]])

    @property
    def acknowledged(self) -> bool:
        return self.status == 202


class Load:
    """Accounts with capital, orders and groups of them at `rate_per_s`, other terms for orders, cancels, movements of
    cash, repeats, conflicts, and reads.

    `problems` are contradictions that a client saw. All times are monotonic seconds.
    """

    def __init__(self, address: str, seed: int, rate_per_s: float) -> None:
        self.orders: dict[str, Asked] = {}  # by client order id
        self.groups: dict[str, Asked] = {}  # by client group id
        self.replaces: list[Asked] = []
        self.cash: list[Asked] = []
        self.cancels: list[Asked] = []
        self.problems: list[str] = []
        self.answers: dict[str, int] = {}
        self._address = address
        self._seed = seed
        self._rate_per_s = rate_per_s
        self._stopping = threading.Event()
        self._giving_up = threading.Event()
        self._seen: dict[str, tuple[int, Decimal, str]] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)
        self._opened = threading.Event()

    def start(self) -> None:
        """Open the accounts and begin. Returns when the accounts are open."""
        self._thread.start()
        if not self._opened.wait(60):
            raise TimeoutError("the accounts were not open after 60 s")

    def stop(self) -> None:
        """Ask for nothing new; what was asked for is asked until it has an answer."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Whether everything has an answer. What has none after the timeout is given up."""
        self._thread.join(timeout_s)
        done = not self._thread.is_alive()
        self._giving_up.set()
        self._thread.join(2 * REQUEST_S_MAX)
        return done

    async def _run(self) -> None:
        # What was asked for during an outage waits its turn, as behind any client's pool, and is not an outage itself.
        patience, limits = httpx.Timeout(REQUEST_S_MAX, pool=None), httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=self._address, timeout=patience, limits=limits, headers=ROOT) as client:
            self._client = client
            await asyncio.gather(*(self._open(f"acc_f{number}") for number in range(ACCOUNTS)))
            self._opened.set()
            reader = asyncio.create_task(self._read_for_ever())
            await asyncio.gather(*(self._trade(number) for number in range(CLIENTS)))
            reader.cancel()

    async def _open(self, account_id: str) -> None:
        await self._ask(Asked(account_id, "/api/accounts", {"account_id": account_id, "owner": "Ada"}))
        await self._move(account_id, "deposits", CAPITAL, f"capital-{account_id}")

    async def _move(self, account_id: str, kind: str, amount: Decimal, key: str) -> None:
        body = {"amount": str(amount), "currency": "USD"}
        asked = Asked(account_id, f"/api/accounts/{account_id}/{kind}", body, key)
        self.cash.append(asked)
        await self._ask(asked)

    async def _trade(self, number: int) -> None:
        """One client: orders one after the other, each with what comes after it in the background."""
        chance = random.Random(f"{self._seed}:client:{number}")
        later: set[asyncio.Task[None]] = set()
        count = 0
        while not self._stopping.is_set():
            await asyncio.sleep(chance.expovariate(self._rate_per_s / CLIENTS))
            count += 1
            task = asyncio.create_task(self._one(f"c{number}-{count}", random.Random(chance.random())))
            later.add(task)
            task.add_done_callback(later.discard)
        await asyncio.gather(*later)

    async def _one(self, name: str, chance: random.Random) -> None:
        account_id = f"acc_f{chance.randrange(ACCOUNTS)}"
        if chance.random() < 0.06:
            kind = chance.choice(("deposits", "withdrawals"))
            await self._move(account_id, kind, Decimal(chance.randint(1, 50_000)) / 100, f"cash-{name}")
            if chance.random() < 0.5:
                await self._again(self.cash[-1], chance)
            return
        if chance.random() < GROUPS_SHARE:
            await self._group(account_id, name, chance)
            return
        asked = Asked(account_id, "/api/orders", wants.order(account_id, name, chance))
        self.orders[name] = asked
        if chance.random() < 0.1:  # the same request twice at a time
            twin = Asked(asked.account_id, asked.path, asked.content)
            await asyncio.gather(self._ask(asked), self._ask(twin))
            self._compare(asked, twin)
        else:
            await self._ask(asked)
        if self._giving_up.is_set():
            return  # no answer in time, which is said once for all
        if not asked.acknowledged:
            self.problems.append(f"order {name} was refused with {asked.status}: {asked.answer}")
            return
        what = chance.random()
        if what < 0.15:
            await self._again(asked, chance)
        elif what < 0.2:
            await self._conflict(asked, chance)
        elif what < 0.4:
            await asyncio.sleep(chance.random() * 3)
            await self.cancel(asked.account_id, asked.answer["order_id"])
        elif what < 0.4 + REPLACES_SHARE:
            await self._replace(asked, chance)

    async def _group(self, account_id: str, name: str, chance: random.Random) -> None:
        asked = self.groups[name] = Asked(account_id, "/api/order-groups", wants.group(account_id, name, chance))
        await self._ask(asked)
        if not asked.acknowledged and not self._giving_up.is_set():
            self.problems.append(f"group {name} was refused with {asked.status}: {asked.answer}")
        elif asked.acknowledged and chance.random() < 0.2:
            await self._again(asked, chance)
        elif asked.acknowledged and chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 3)
            await self.cancel(account_id, chance.choice(asked.order_ids))

    async def _replace(self, asked: Asked, chance: random.Random) -> None:
        """Other terms, and now and then the same wish once more, which is the same wish."""
        await asyncio.sleep(chance.random() * 2)
        order_id = asked.answer["order_id"]
        body, path, key = wants.change(asked.content, chance), f"/api/orders/{order_id}", f"replace-{order_id}"
        wish = Asked(asked.account_id, path, body, key, method="PATCH", about=order_id)
        self.replaces.append(wish)
        await self._ask(wish)
        if wish.acknowledged and chance.random() < 0.3:
            await self._again(wish, chance)

    async def _again(self, asked: Asked, chance: random.Random) -> None:
        """The same request once more, some time later: the same answer, or at least the same order."""
        await asyncio.sleep(chance.random() * 4)
        repeat = Asked(asked.account_id, asked.path, asked.content, asked.key, method=asked.method)
        await self._ask(repeat)
        self._compare(asked, repeat)

    async def _conflict(self, asked: Asked, chance: random.Random) -> None:
        """Another order under the same id. 422, or 202 when Redis forgot: then the ledger must refuse it."""
        await asyncio.sleep(chance.random() * 4)
        other = {**asked.content, "quantity": str(Decimal(asked.content["quantity"]) + 1)}
        conflict = Asked(asked.account_id, asked.path, other)
        await self._ask(conflict)
        if conflict.status not in (202, 422) and not self._giving_up.is_set():
            self.problems.append(f"a conflict was answered {conflict.status}: {conflict.answer}")

    async def cancel(self, account_id: str, order_id: str) -> None:
        path = f"/api/orders/{order_id}/cancel"
        cancel = Asked(account_id, path, {"account_id": account_id}, f"cancel-{order_id}", about=order_id)
        self.cancels.append(cancel)
        await self._ask(cancel)

    def cancel_all(self, timeout_s: float) -> bool:
        """Cancel every order that is not known to be final, after `join`. Whether all had an answer in time."""

        async def cancel(account_id: str, order_id: str, turn: asyncio.Semaphore) -> None:
            async with turn:
                await self.cancel(account_id, order_id)

        async def cancel_each() -> None:
            self._giving_up.clear()
            turn = asyncio.Semaphore(CLIENTS)
            async with httpx.AsyncClient(base_url=self._address, timeout=REQUEST_S_MAX, headers=ROOT) as client:
                self._client = client
                wanted = [(a, name) for a in self.acknowledged() for name in a.order_ids if not self._is_final(name)]
                async with asyncio.timeout(timeout_s):
                    await asyncio.gather(*(cancel(asked.account_id, name, turn) for asked, name in wanted))

        try:
            asyncio.run(cancel_each())
        except TimeoutError:
            return False
        return True

    def acknowledged(self) -> list[Asked]:
        """Orders and groups that were taken."""
        return [asked for asked in (*self.orders.values(), *self.groups.values()) if asked.acknowledged]

    def _is_final(self, order_id: str) -> bool:
        seen = self._seen.get(order_id)
        return seen is not None and seen[2] in FINAL

    def _compare(self, first: Asked, second: Asked) -> None:
        if not (first.acknowledged and second.acknowledged):
            return
        for name in ("order_id", "order_ids", "command_id"):
            if first.answer.get(name) != second.answer.get(name):
                self.problems.append(
                    f"{name} of one request was {first.answer.get(name)}, then {second.answer.get(name)}"
                )

    async def _ask(self, asked: Asked) -> None:
        """Until there is an answer that is no 5xx."""
        headers = {"Idempotency-Key": asked.key} if asked.key else {}
        while not self._giving_up.is_set():
            asked.attempts += 1
            try:
                response = await self._client.request(asked.method, asked.path, json=asked.content, headers=headers)
            except httpx.HTTPError as error:
                response = None
                name = type(error).__name__
                self.answers[name] = self.answers.get(name, 0) + 1
            if response is not None:
                name = str(response.status_code) if response.status_code != 503 else f"503 {response.json()['code']}"
                self.answers[name] = self.answers.get(name, 0) + 1
                if response.status_code < 500 and response.status_code != 429:
                    asked.status, asked.answer = response.status_code, response.json()
                    asked.told_at_s = time.monotonic()
                    return
                if response.status_code == 500:
                    self.problems.append(f"{asked.method} {asked.path} was answered 500: {response.text[:300]}")
            await asyncio.sleep(AGAIN_S)

    # Reads

    async def _read_for_ever(self) -> None:
        chance = random.Random(f"{self._seed}:reader")
        while True:
            await asyncio.sleep(0.05)
            known = [order_id for asked in self.acknowledged()[-80:] for order_id in asked.order_ids]
            if known:
                await self._read(chance.choice(known))

    async def _read(self, order_id: str) -> None:
        try:
            response = await self._client.get(f"/api/orders/{order_id}")
        except httpx.HTTPError:
            return
        before = self._seen.get(order_id)
        if response.status_code == 404 and before is not None:
            self.problems.append(f"order {order_id} was there and is no more")
        if response.status_code == 500:
            self.problems.append(f"GET of order {order_id} was answered 500: {response.text[:300]}")
        if response.status_code != 200:
            return
        found = response.json()
        now = (int(found["record_offset"]), Decimal(found["filled_quantity"]), str(found["status"]))
        if now[1] > Decimal(found["quantity"]):
            self.problems.append(f"order {order_id} is overfilled: {now[1]} of {found['quantity']}")
        if before is not None and _went_back(before, now):
            self.problems.append(f"order {order_id} went back in time: from {before} to {now}")
        self._seen[order_id] = now


def _went_back(before: tuple[int, Decimal, str], now: tuple[int, Decimal, str]) -> bool:
    return now[0] < before[0] or now[1] < before[1] or (before[2] in FINAL and now[2] != before[2])
