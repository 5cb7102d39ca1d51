"""Operations of accounts.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from tapeledger_client.call import Call, Sender
from tapeledger_client.model import Document, Placed
from tapeledger_client.models import (
    Accepted,
    Account,
    AccountRequest,
    CashRequest,
    ConversionRequest,
    Portfolio,
    PortfolioPoint,
    PortfolioPointPage,
    Posting,
    PostingPage,
    Rejection,
    RejectionPage,
    TapeRecord,
    TapeRecordPage,
    Transfer,
    TransferAsked,
    TransferPage,
    TransferRequest,
    TransferStatus,
    TrialBalance,
)
from tapeledger_client.pages import each
from tapeledger_client.wire import path


class AccountsOperations(Sender):
    """Accounts."""

    def convert_cash(
        self, account_id: str, body: ConversionRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> Accepted:
        """Turn free cash of one currency into another.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/conversions", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def deposit_cash(
        self, account_id: str, body: CashRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> Accepted:
        """Put cash in.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/deposits", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def get_account(
        self,
        account_id: str,
        *,
        position: int | None = None,
        as_of: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Account:
        """An account, its balances.

        With `position` or `as_of`: exactly what the ledger knew then, folded from its tape.

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
                path("/api/accounts/{}", account_id),
                Account,
                query={"position": position, "as_of": as_of},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def get_portfolio(
        self,
        account_id: str,
        *,
        position: int | None = None,
        as_of: datetime | None = None,
        points: int | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Portfolio:
        """Positions, P&L, exposure and equity at the newest prices, or as of any moment.

        All figures are read in one snapshot.

        - market_value = quantity × last_price, unrealized_pnl = market_value − cost - realized_pnl = proceeds −
        cost of the lots sold, before fees - equity = cash + hold + sum of market_value - total_pnl = equity −
        net_deposits = realized_pnl + unrealized_pnl − fees + other_income - exposure, per currency: gross = long +
        short, net = long − short, as shares of that currency's equity

        With `position` or `as_of`: exactly what the ledger knew then, folded from its tape. Prices are then those
        that it had been told (its marks), or else of the account's own last fill.

        Needs the scope `read`.

        position: as the account's partition was after the record at this offset
        as_of: as everything recorded up to this time left it (RFC 3339)
        points: at most so many points of history, the newest always among them
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}", account_id),
                Portfolio,
                query={"position": position, "as_of": as_of, "points": points},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def get_transfer(
        self, account_id: str, transfer_id: str, *, min_position: Placed | str | None = None, wait: int | None = None
    ) -> Transfer:
        """A transfer that this account has sent: on its way, arrived or returned.

        404 before it has left; a transfer that the sender's ledger refused stands under rejections.

        Needs the scope `read`.

        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/transfers/{}", account_id, transfer_id),
                Transfer,
                ids=(
                    account_id,
                    transfer_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def get_trial_balance(
        self,
        account_id: str,
        *,
        position: int | None = None,
        as_of: datetime | None = None,
        market_time: datetime | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> TrialBalance:
        """Debits, credits and balances at any position, record time or market time.

        The filters may be combined: what was known at `as_of` of what took effect up to `market_time`.

        A position that is not projected yet is 404 POSITION_UNKNOWN: a command just accepted shows up shortly.

        Needs the scope `read`.

        position: only records of the tape up to this offset on the account's partition, this one included
        as_of: only what was recorded up to this time (RFC 3339)
        market_time: only what took effect on the market up to this time; what has no market time counts
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/trial-balance", account_id),
                TrialBalance,
                query={"position": position, "as_of": as_of, "market_time": market_time},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_account_events(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> TapeRecordPage:
        """An account's events as they stand on the tape, newest first.

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
                path("/api/accounts/{}/events", account_id),
                TapeRecordPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "type": type},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_account_events_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_account_events`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/events", account_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "type": type},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_account_events(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        type: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[TapeRecord]:
        """Each row of `list_account_events`, page after page."""
        return each(
            lambda cursor: self.list_account_events(
                account_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                type=type,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_journal(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        book_account: str | None = None,
        commodity: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> PostingPage:
        """Double-entry postings, newest first.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        commodity: a currency or a symbol
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/journal", account_id),
                PostingPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "book_account": book_account,
                    "commodity": commodity,
                },
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_journal_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        book_account: str | None = None,
        commodity: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_journal`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/journal", account_id),
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "book_account": book_account,
                    "commodity": commodity,
                },
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_journal(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        book_account: str | None = None,
        commodity: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[Posting]:
        """Each row of `list_journal`, page after page."""
        return each(
            lambda cursor: self.list_journal(
                account_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                book_account=book_account,
                commodity=commodity,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_portfolio_history(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> PortfolioPointPage:
        """What a portfolio was worth over market time, newest first.

        A point a bar close, from the account's first fill on. With `interval`: the last point of each such span.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        interval: the last point of each such span (a number and ms, s, m, h or d), counted from 2000-01-03; every
            point without it
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}/history", account_id),
                PortfolioPointPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_portfolio_history_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_portfolio_history`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/portfolio/{}/history", account_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "interval": interval},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_portfolio_history(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[PortfolioPoint]:
        """Each row of `list_portfolio_history`, page after page."""
        return each(
            lambda cursor: self.list_portfolio_history(
                account_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                interval=interval,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_rejections(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        code: str | None = None,
        command_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> RejectionPage:
        """Commands that the ledger refused, newest first (refused orders are under /api/orders).

        Also for accounts that do not exist: a command to one is refused and stands here.

        Needs the scope `read`.

        limit: rows per page; as JSON at most 500 are given
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        command_id: the id that a command's answer gave
        min_position: the answer includes what this position has caused
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 404, 406, 412, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/rejections", account_id),
                RejectionPage,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "code": code,
                    "command_id": command_id,
                },
                ids=(
                    account_id,
                    command_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_rejections_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        code: str | None = None,
        command_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_rejections`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/rejections", account_id),
                Document,
                accept=media_type,
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "from": from_,
                    "to": to,
                    "code": code,
                    "command_id": command_id,
                },
                ids=(
                    account_id,
                    command_id,
                ),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_rejections(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        code: str | None = None,
        command_id: str | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[Rejection]:
        """Each row of `list_rejections`, page after page."""
        return each(
            lambda cursor: self.list_rejections(
                account_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                code=code,
                command_id=command_id,
                min_position=min_position,
                wait=wait,
            )
        )

    def list_transfers(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: TransferStatus | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> TransferPage:
        """Transfers from and to an account, newest first.

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
                path("/api/accounts/{}/transfers", account_id),
                TransferPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "status": status},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def list_transfers_as(
        self,
        media_type: Literal["application/vnd.apache.arrow.stream", "text/csv"],
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: TransferStatus | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Document:
        """The same as `list_transfers`, in another form than JSON."""
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/transfers", account_id),
                Document,
                accept=media_type,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "status": status},
                ids=(account_id,),
                safe=True,
                cached=True,
                placed=True,
                min_position=min_position,
                wait_s=wait,
            )
        )

    def iter_transfers(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        status: TransferStatus | None = None,
        min_position: Placed | str | None = None,
        wait: int | None = None,
    ) -> Iterator[Transfer]:
        """Each row of `list_transfers`, page after page."""
        return each(
            lambda cursor: self.list_transfers(
                account_id,
                limit=page_size,
                cursor=cursor,
                from_=from_,
                to=to,
                status=status,
                min_position=min_position,
                wait=wait,
            )
        )

    def open_account(
        self, body: AccountRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> Accepted:
        """Open an account.

        The owner is the caller; only admins open accounts for others.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call("POST", "/api/accounts", Accepted, body=body, keyed=True, key=idempotency_key, wait_s=wait)
        )

    def transfer_cash(
        self, account_id: str, body: TransferRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> TransferAsked:
        """Send free cash to another account.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/transfers", account_id),
                TransferAsked,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )

    def withdraw_cash(
        self, account_id: str, body: CashRequest, *, idempotency_key: str | None = None, wait: int | None = None
    ) -> Accepted:
        """Take free cash out.

        Needs the scope `trade`.

        idempotency_key: this request's own id; one is made where none is given
        wait: seconds that the server may wait

        Problems: 400, 401, 403, 408, 409, 413, 415, 422, 429, 431, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/withdrawals", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
                wait_s=wait,
            )
        )
