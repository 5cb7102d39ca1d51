"""Operations of signals.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import (
    Direction,
    ModelAccuracy,
    ModelAccuracyPage,
    Signal,
    SignalAsked,
    SignalPage,
    SignalRequest,
    SignalRequestStatus,
)
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class SignalsOperations(Sender):
    """Signals."""

    def get_signal_request(
        self, request_id: str, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> SignalRequestStatus:
        """What became of a signal that was asked for by hand.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/signals/requests/{}", request_id),
                SignalRequestStatus,
                ids=(request_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_model_accuracy(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model_name: str | None = None,
        model_version: str | None = None,
        symbol: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> ModelAccuracyPage:
        """How often each version of a model was right on each symbol, by name, version and symbol.

        Beside what always saying the commonest class would have been right, for an accuracy alone says nothing.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                "/api/models/accuracy",
                ModelAccuracyPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "model_name": model_name,
                    "model_version": model_version,
                    "symbol": symbol,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_model_accuracy_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model_name: str | None = None,
        model_version: str | None = None,
        symbol: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_model_accuracy`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                "/api/models/accuracy",
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "model_name": model_name,
                    "model_version": model_version,
                    "symbol": symbol,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_model_accuracy(
        self,
        *,
        page_size: int | None = None,
        model_name: str | None = None,
        model_version: str | None = None,
        symbol: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[ModelAccuracy]:
        """Each row of `list_model_accuracy`, page after page."""
        return each(
            lambda cursor: self.list_model_accuracy(
                limit=page_size,
                cursor=cursor,
                model_name=model_name,
                model_version=model_version,
                symbol=symbol,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_signals(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        symbol: str | None = None,
        direction: Direction | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> SignalPage:
        """Signals, newest first.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                "/api/signals",
                SignalPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "symbol": symbol,
                    "direction": direction,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_signals_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        symbol: str | None = None,
        direction: Direction | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_signals`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                "/api/signals",
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "symbol": symbol,
                    "direction": direction,
                },
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_signals(
        self,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        symbol: str | None = None,
        direction: Direction | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[Signal]:
        """Each row of `list_signals`, page after page."""
        return each(
            lambda cursor: self.list_signals(
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                symbol=symbol,
                direction=direction,
                min_position=min_position,
                wait=wait,
            )
        )

    def request_signal(
        self, body: SignalRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> SignalAsked:
        """Ask for a signal now.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/signals", SignalAsked, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )
