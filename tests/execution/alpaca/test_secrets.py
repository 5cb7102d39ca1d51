"""Goal: no key is ever written down. Method: a life at the broker with all logs at DEBUG, then every line searched."""

from __future__ import annotations

import logging
import traceback

import pytest

from domain.errors import InvalidValue, UnavailableError
from execution.alpaca import AlpacaVenue
from execution.alpaca.access import access_of
from runtime.settings import Settings, given_settings
from tests.execution.alpaca.conftest import Hire, settings_for
from tests.execution.alpaca.exchange import KEY, SECRET, Exchange
from tests.execution.examples import terms, working


async def test_nothing_in_the_logs(exchange: Exchange, hire: Hire, caplog: pytest.LogCaptureFixture) -> None:
    """Connecting, retrying, executing, losing the stream, cancelling: at DEBUG, the libraries' logs included."""
    caplog.set_level(logging.DEBUG)
    worker, order = await hire(), working(terms(quantity="10"))
    exchange.faults.status = [500]

    await worker.venue.submit(order)
    await exchange.execute(order.order_id, "4", "100")
    await exchange.drop_stream()
    await worker.venue.cancel(order)
    await worker.hears(2)

    assert "trying again" in caplog.text
    # websockets cuts long frames in the middle, so the end of the secret would show: no piece of it may.
    pieces = [SECRET[start : start + 8] for start in range(len(SECRET) - 7)]
    assert [piece for piece in pieces if piece in caplog.text] == []
    assert KEY[-8:] not in caplog.text


async def test_nothing_in_an_error(exchange: Exchange) -> None:
    """A start that fails, with the whole chain of its causes."""
    settings = settings_for(exchange)
    await exchange.stop()
    venue = AlpacaVenue(access_of(settings), settings)
    with pytest.raises(UnavailableError) as caught:
        await venue.start(lambda order_id, outcome: None)
    await venue.stop()
    await exchange.start()

    text = "".join(traceback.format_exception(caught.value))
    assert SECRET not in text
    assert KEY not in text


def test_nothing_in_an_error_about_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A wrong setting beside the keys, and a key that is no text: the error says which, not what it was."""
    monkeypatch.setenv("ALPACA_SECRET_KEY", SECRET)
    monkeypatch.setenv("ALPACA_CONNECTIONS_MAX", "none")
    with pytest.raises(InvalidValue) as caught:
        given_settings()

    assert "ALPACA_CONNECTIONS_MAX" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_other_processes_get_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor starts the engine with the settings it has, keys included; anything else would be `**********`."""
    sent = Settings(_env_file=None, alpaca_secret_key=SECRET, alpaca_api_key=KEY)
    for name, value in sent.environ().items():
        monkeypatch.setenv(name, value)

    assert given_settings().alpaca_secret_key.get_secret_value() == SECRET
