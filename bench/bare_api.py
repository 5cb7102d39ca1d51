"""The peers of our HTTP services: one bare FastAPI endpoint around one query, one producer, or nothing at all.

`python -m bench.bare_api PORT` with JSON on its input. {"url", "statement", "parameters": [{…}, …]}: `GET /?of=N` runs
the statement with parameters N and gives its rows. {"kafka", "topic"}: `POST /` produces its body and answers when it
is acknowledged. {"echo": true}: `POST /` gives its body back.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import psycopg
import uvicorn
from confluent_kafka import Message, Producer
from fastapi import Body, FastAPI
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool


def reads(url: str, statement: str, parameters: list[dict[str, Any]]) -> FastAPI:
    pool = AsyncConnectionPool(
        url, connection_class=psycopg.AsyncConnection[DictRow], kwargs={"row_factory": dict_row}, max_size=8, open=False
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def rows(of: int) -> list[dict[str, Any]]:
        async with pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), parameters[of])
            return await cursor.fetchall()

    return app


def writes(kafka: str, topic: str) -> FastAPI:
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "acks": "all"})
    threading.Thread(target=_serve_reports, args=(producer,), daemon=True).start()
    app = FastAPI()

    @app.get("/")
    async def ready() -> dict[str, str]:
        return {}

    @app.post("/", status_code=202)
    async def write(body: Annotated[dict[str, Any], Body()]) -> dict[str, int | None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Message] = loop.create_future()

        def delivered(error: Any, message: Message) -> None:
            loop.call_soon_threadsafe(done.set_result, message)

        producer.produce(topic, json.dumps(body).encode(), body["account_id"], on_delivery=delivered)
        return {"offset": (await done).offset()}

    return app


def echoes() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def ready() -> dict[str, str]:
        return {}

    @app.post("/")
    async def echo(body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return body

    return app


def _serve_reports(producer: Producer) -> None:
    while True:
        producer.poll(0.1)


def main() -> None:
    given = json.load(sys.stdin)
    app = echoes() if "echo" in given else writes(**given) if "kafka" in given else reads(**given)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, loop="uvloop")


if __name__ == "__main__":
    main()
