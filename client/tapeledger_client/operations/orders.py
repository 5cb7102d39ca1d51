"""Operations of orders.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import (
    BatchRequest,
    BatchSubmitted,
    CancelRequest,
    GroupRequest,
    GroupSubmitted,
    Order,
    OrderAsked,
    OrderDetail,
    OrderGroup,
    OrderPage,
    OrderPreview,
    OrderRequest,
    OrderStatus,
    OrderStep,
    OrderStepPage,
    OrderSubmitted,
    OrderType,
    ReplaceRequest,
    TapeRecord,
    TapeRecordPage,
    TimeInForce,
)
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class OrdersOperations(Sender):
    """Orders."""

    def cancel_order(
        self, order_id: str, body: CancelRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> OrderAsked:
        """Cancel what is left of an order.

        Needs the scope `risk` or `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/orders/{}/cancel", order_id),
                OrderAsked,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def get_order(
        self,
        order_id: str,
        *,
        position: int | None = None,
        as_of: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> OrderDetail:
        """One order, its history and its fills.

        With `position` or `as_of`: exactly as the ledger knew it then, folded from its tape.

        Needs the scope `read`.

        position: as the account's partition was after the record at this offset
        as_of: as everything recorded up to this time left it (RFC 3339)
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/orders/{}", order_id),
                OrderDetail,
                query={"position": position, "as_of": as_of},
                ids=(order_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def get_order_group(
        self, group_id: str, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> OrderGroup:
        """Orders that depend on each other.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/order-groups/{}", group_id),
                OrderGroup,
                ids=(group_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_order_events(
        self,
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> TapeRecordPage:
        """The events that touch an order, as they stand on the tape, newest first.

        Events of other orders of its group that change this one are among them.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        type: the event's name, of any version
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/orders/{}/events", order_id),
                TapeRecordPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "type": type},
                ids=(order_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_order_events_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_order_events`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/orders/{}/events", order_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "type": type},
                ids=(order_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_order_events(
        self,
        order_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[TapeRecord]:
        """Each row of `list_order_events`, page after page."""
        return each(
            lambda cursor: self.list_order_events(
                order_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                type=type,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_order_history(
        self,
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> OrderStepPage:
        """What each event did to an order, newest first.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/orders/{}/history", order_id),
                OrderStepPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                ids=(order_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_order_history_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_order_history`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/orders/{}/history", order_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                ids=(order_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_order_history(
        self,
        order_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[OrderStep]:
        """Each row of `list_order_history`, page after page."""
        return each(
            lambda cursor: self.list_order_history(
                order_id, limit=page_size, cursor=cursor, from_=from_, to=to, min_position=min_position, wait=wait
            )
        )

    def list_orders(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        status: OrderStatus | None = None,
        order_type: OrderType | None = None,
        time_in_force: TimeInForce | None = None,
        client_order_id: str | None = None,
        group_id: str | None = None,
        parent_order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> OrderPage:
        """Orders, newest first.

        Those of the accounts that the caller may read.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        group_id: the group's orders
        parent_order_id: the orders that wait for this one, or waited
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                "/api/orders",
                OrderPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "account_id": account_id,
                    "symbol": symbol,
                    "status": status,
                    "order_type": order_type,
                    "time_in_force": time_in_force,
                    "client_order_id": client_order_id,
                    "group_id": group_id,
                    "parent_order_id": parent_order_id,
                },
                ids=(
                    account_id,
                    group_id,
                    parent_order_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_orders_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        status: OrderStatus | None = None,
        order_type: OrderType | None = None,
        time_in_force: TimeInForce | None = None,
        client_order_id: str | None = None,
        group_id: str | None = None,
        parent_order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_orders`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                "/api/orders",
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "account_id": account_id,
                    "symbol": symbol,
                    "status": status,
                    "order_type": order_type,
                    "time_in_force": time_in_force,
                    "client_order_id": client_order_id,
                    "group_id": group_id,
                    "parent_order_id": parent_order_id,
                },
                ids=(
                    account_id,
                    group_id,
                    parent_order_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_orders(
        self,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        account_id: str | None = None,
        symbol: str | None = None,
        status: OrderStatus | None = None,
        order_type: OrderType | None = None,
        time_in_force: TimeInForce | None = None,
        client_order_id: str | None = None,
        group_id: str | None = None,
        parent_order_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[Order]:
        """Each row of `list_orders`, page after page."""
        return each(
            lambda cursor: self.list_orders(
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                account_id=account_id,
                symbol=symbol,
                status=status,
                order_type=order_type,
                time_in_force=time_in_force,
                client_order_id=client_order_id,
                group_id=group_id,
                parent_order_id=parent_order_id,
                min_position=min_position,
                wait=wait,
            )
        )

    def preview_order(self, body: OrderRequest, *, min_position: Placed | str | None = None) -> OrderPreview:
        """What submitting this order would give; nothing is written.

        Takes what POST /api/orders takes. What the order lacks by itself is 422, as there; what the account's state
        or its limits refuse is in the answer.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused

        Problems: 400, 401, 403, 404, 408, 412, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                "/api/orders/preview",
                OrderPreview,
                body=body,
                safe=True,
                placed=True,
                min_position=min_position,
            )
        )

    def replace_order(
        self, order_id: str, body: ReplaceRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> OrderAsked:
        """Replace the terms of what is left of an order.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "PATCH",
                path("/api/orders/{}", order_id),
                OrderAsked,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def submit_order(
        self, body: OrderRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> OrderSubmitted:
        """Submit an order.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/orders", OrderSubmitted, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )

    def submit_order_batch(
        self, body: BatchRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> BatchSubmitted:
        """Submit up to 500 orders of an account at once.

        What is wrong with any order refuses the batch before anything is sent; errors has a pointer for each.

        On the log each order is a command of its own, in the order of the request, and the ledger decides each by
        itself: one that it rejects stops no other. For orders that are taken all or none there are groups.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/orders/batch", BatchSubmitted, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )

    def submit_order_group(
        self, body: GroupRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> GroupSubmitted:
        """Submit orders that depend on each other.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/order-groups", GroupSubmitted, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )
