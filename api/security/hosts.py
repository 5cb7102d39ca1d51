"""Where the API may listen: bearer keys and cookies do not travel in clear text between machines."""

from __future__ import annotations

from domain.errors import InvalidValue
from runtime.http.hosts import is_loopback
from runtime.settings import Settings


def check_host(settings: Settings) -> None:
    """Raises InvalidValue for a host other than loopback without TLS, the API's own or that of a proxy before it."""
    if is_loopback(settings.api_host) or settings.api_tls_cert is not None or settings.proxies():
        return
    raise InvalidValue(
        "API_HOST_WITHOUT_TLS",
        f"API_HOST is {settings.api_host!r} and keys would travel to it in clear text. Expected a loopback address "
        "such as 127.0.0.1, or API_TLS_CERT and API_TLS_KEY, or the proxies that end TLS in API_TRUSTED_PROXIES",
        api_host=settings.api_host,
    )
