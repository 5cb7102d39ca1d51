"""A market: ticks of all symbols, a few a second, sent past the wires."""

from __future__ import annotations

import random
import threading
import time
from decimal import Decimal
from typing import Any, cast

from domain.market import Tick
from runtime.clients import kafka_producer
from runtime.settings import Settings
from streams import codec
from tests.faults.wants import SYMBOLS

EVERY_S = 0.5


class Market:
    """Prices walk at random; a broker that is away gets the ticks when it is back."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._settings = settings
        self._chance = random.Random(f"{seed}:market")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="market", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        producer = kafka_producer(self._settings)
        prices = dict.fromkeys(SYMBOLS, 10_000)
        while not self._stopping.wait(EVERY_S):
            for symbol in SYMBOLS:
                prices[symbol] = max(100, prices[symbol] + self._chance.randint(-50, 50))
                at_us = time.time_ns() // 1_000
                price = Decimal(prices[symbol]) / 100
                tick = Tick(symbol=symbol, market_time_us=at_us, price=price, volume=Decimal(1_000))
                value, headers = codec.encode(
                    tick, id_=f"{symbol}-{at_us}", source="faults", time_us=at_us, subject=symbol
                )
                producer.produce(
                    self._settings.topic("market.ticks"), value, symbol.encode(), headers=cast(Any, headers)
                )
            producer.poll(0)
        producer.flush(20)
