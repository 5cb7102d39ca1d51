"""The fixtures that all integration tests stand on."""

from __future__ import annotations

import psycopg
import pytest

from runtime.clients import kafka_admin, redis_sync
from runtime.settings import Settings

pytestmark = pytest.mark.integration


def test_a_ledger_of_its_own(ledger_settings: Settings) -> None:
    """A test finds its topics, its migrated database, a reader who can only select, and an empty Redis database."""
    topics = kafka_admin(ledger_settings).list_topics(timeout=10).topics

    assert ledger_settings.topic("ledger.events") in topics
    assert redis_sync(ledger_settings).dbsize() == 0
    with psycopg.connect(ledger_settings.database_reader_url) as reader:
        reader.execute("set transaction read write")
        assert reader.execute("select count(*) from orders").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("delete from orders")
