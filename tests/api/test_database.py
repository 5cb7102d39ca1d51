"""The query side's connections to the database."""

from __future__ import annotations

import httpx
import pytest

from runtime.clients import postgres
from runtime.settings import Settings

pytestmark = pytest.mark.integration
_END = "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where application_name = 'tapeledger-query'"


async def test_connections_that_the_server_has_closed_cost_no_request(
    online: httpx.AsyncClient, ledger_settings: Settings
) -> None:
    """As after a restart of the database: the next request gets a connection that works, and no 503."""
    for _ in range(3):
        assert (await online.get("/api/orders")).status_code == 200
        with postgres(ledger_settings) as connection:
            assert connection.execute(_END).fetchone() != (0,)
        assert (await online.get("/api/orders")).status_code == 200
