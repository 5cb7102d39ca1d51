"""Which Alpaca account the settings name: addresses and keys, and whether it moves real money."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from domain.errors import UnavailableError
from runtime.settings import Settings

PAPER_HOST = "paper-api.alpaca.markets"
_OURSELVES = ("127.0.0.1", "localhost", "::1")


class Access(NamedTuple):
    """base_url: of the REST API, without its version; stream_url: of the WebSocket. Its repr shows no key."""

    base_url: str
    stream_url: str
    api_key: SecretStr
    secret_key: SecretStr
    is_live: bool


def access_of(settings: Settings) -> Access:
    """The access that the settings give.

    Raises UnavailableError, which names the settings and never their secrets, when a key is missing, an address would
    send keys in the clear, the two addresses are not of one kind, or real money would move without ALPACA_LIVE.
    """
    missing = [
        name
        for name, key in (
            ("ALPACA_API_KEY", settings.alpaca_api_key),
            ("ALPACA_SECRET_KEY", settings.alpaca_secret_key),
        )
        if not key.get_secret_value()
    ]
    if missing:
        raise UnavailableError(
            f"PAPER_TRADE_MODE is false, so orders go to Alpaca, but {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; expected the keys of an Alpaca account, "
            "or PAPER_TRADE_MODE=true"
        )
    _require_encryption("ALPACA_BASE_URL", settings.alpaca_base_url, "https")
    _require_encryption("ALPACA_STREAM_URL", settings.alpaca_stream_url, "wss")
    is_live, stream_is_live = _is_live(settings.alpaca_base_url), _is_live(settings.alpaca_stream_url)
    if is_live != stream_is_live:
        raise UnavailableError(
            "ALPACA_BASE_URL and ALPACA_STREAM_URL must be of one account, both paper or both live; they were "
            f"{settings.alpaca_base_url} and {settings.alpaca_stream_url}"
        )
    if is_live != settings.alpaca_live:
        what = "live, so real money would move" if is_live else "a paper account"
        raise UnavailableError(
            f"ALPACA_BASE_URL is {what}, and ALPACA_LIVE is {str(settings.alpaca_live).lower()}; expected both to say "
            f"the same: ALPACA_LIVE={str(is_live).lower()}, or another ALPACA_BASE_URL"
        )
    return Access(
        base_url=settings.alpaca_base_url.rstrip("/"),
        stream_url=settings.alpaca_stream_url,
        api_key=settings.alpaca_api_key,
        secret_key=settings.alpaca_secret_key,
        is_live=is_live,
    )


def _is_live(url: str) -> bool:
    """All that is not known to be paper is taken for real money."""
    return urlsplit(url).hostname not in (PAPER_HOST, *_OURSELVES)


def _require_encryption(name: str, url: str, scheme: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise UnavailableError(f"{name} holds a user or a password; keys belong into ALPACA_API_KEY, ALPACA_SECRET_KEY")
    if not parts.hostname or (parts.scheme != scheme and parts.hostname not in _OURSELVES):
        raise UnavailableError(f"{name}: expected an address that begins with {scheme}://, it was {url}")
