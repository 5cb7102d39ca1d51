"""Operations of accounts.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tapeledger_client.call import Call, Sender
from tapeledger_client.models import (
    Accepted,
    Account,
    AccountRequest,
    CashRequest,
    ConversionRequest,
    Portfolio,
    Posting,
    PostingPage,
    Rejection,
    RejectionPage,
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

    def convert_cash(self, account_id: str, body: ConversionRequest, *, idempotency_key: str | None = None) -> Accepted:
        """Turn free cash of one currency into another.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/conversions", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
            )
        )

    def deposit_cash(self, account_id: str, body: CashRequest, *, idempotency_key: str | None = None) -> Accepted:
        """Put cash in.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/deposits", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
            )
        )

    def get_account(self, account_id: str) -> Account:
        """An account, its balances.

        Problems: 404, 422, 500, 503.
        """
        return self._send(Call("GET", path("/api/accounts/{}", account_id), Account, safe=True))

    def get_portfolio(self, account_id: str, *, points: int | None = None) -> Portfolio:
        """Positions, P&L and equity at the newest prices.

        All figures are read in one snapshot.

        - market_value = quantity × last_price, unrealized_pnl = market_value − cost - realized_pnl = proceeds −
        cost of the lots sold, before fees - equity = cash + hold + sum of market_value - total_pnl = equity −
        net_deposits = realized_pnl + unrealized_pnl − fees

        points: at most so many points of history, the newest always among them

        Problems: 404, 422, 500, 503.
        """
        return self._send(
            Call("GET", path("/api/portfolio/{}", account_id), Portfolio, query={"points": points}, safe=True)
        )

    def get_transfer(self, account_id: str, transfer_id: str) -> Transfer:
        """A transfer that this account has sent: on its way, arrived or returned.

        404 before it has left; a transfer that the sender's ledger refused stands under rejections.

        Problems: 404, 422, 500, 503.
        """
        return self._send(
            Call("GET", path("/api/accounts/{}/transfers/{}", account_id, transfer_id), Transfer, safe=True)
        )

    def get_trial_balance(
        self,
        account_id: str,
        *,
        position: int | None = None,
        as_of: datetime | None = None,
        market_time: datetime | None = None,
    ) -> TrialBalance:
        """Debits, credits and balances at any position, record time or market time.

        The filters may be combined: what was known at `as_of` of what took effect up to `market_time`.

        A position that is not projected yet is 404 POSITION_UNKNOWN: a command just accepted shows up shortly.

        position: only records of the tape up to this offset on the account's partition, this one included
        as_of: only what was recorded up to this time (RFC 3339)
        market_time: only what took effect on the market up to this time; what has no market time counts

        Problems: 404, 422, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/trial-balance", account_id),
                TrialBalance,
                query={"position": position, "as_of": as_of, "market_time": market_time},
                safe=True,
                cached=True,
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
    ) -> PostingPage:
        """Double-entry postings, newest first.

        limit: rows per page
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)

        Problems: 400, 404, 422, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/journal", account_id),
                PostingPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to},
                safe=True,
            )
        )

    def iter_journal(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> Iterator[Posting]:
        """Each row of `list_journal`, page after page."""
        return each(lambda cursor: self.list_journal(account_id, limit=page_size, cursor=cursor, from_=from_, to=to))

    def list_rejections(
        self,
        account_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        command_id: str | None = None,
    ) -> RejectionPage:
        """Commands that the ledger refused, newest first (refused orders are under /api/orders).

        Also for accounts that do not exist: a command to one is refused and stands here.

        limit: rows per page
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)
        command_id: the id that a command's answer gave

        Problems: 400, 422, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/rejections", account_id),
                RejectionPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "command_id": command_id},
                safe=True,
            )
        )

    def iter_rejections(
        self,
        account_id: str,
        *,
        page_size: int | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        command_id: str | None = None,
    ) -> Iterator[Rejection]:
        """Each row of `list_rejections`, page after page."""
        return each(
            lambda cursor: self.list_rejections(
                account_id, limit=page_size, cursor=cursor, from_=from_, to=to, command_id=command_id
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
    ) -> TransferPage:
        """Transfers from and to an account, newest first.

        limit: rows per page
        cursor: the last page's `cursor`; same filters required
        from_: not before (RFC 3339)
        to: before (RFC 3339)

        Problems: 400, 404, 422, 500, 503.
        """
        return self._send(
            Call(
                "GET",
                path("/api/accounts/{}/transfers", account_id),
                TransferPage,
                query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "status": status},
                safe=True,
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
    ) -> Iterator[Transfer]:
        """Each row of `list_transfers`, page after page."""
        return each(
            lambda cursor: self.list_transfers(
                account_id, limit=page_size, cursor=cursor, from_=from_, to=to, status=status
            )
        )

    def open_account(self, body: AccountRequest, *, idempotency_key: str | None = None) -> Accepted:
        """Open an account.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(Call("POST", "/api/accounts", Accepted, body=body, keyed=True, key=idempotency_key))

    def transfer_cash(
        self, account_id: str, body: TransferRequest, *, idempotency_key: str | None = None
    ) -> TransferAsked:
        """Send free cash to another account.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/transfers", account_id),
                TransferAsked,
                body=body,
                keyed=True,
                key=idempotency_key,
            )
        )

    def withdraw_cash(self, account_id: str, body: CashRequest, *, idempotency_key: str | None = None) -> Accepted:
        """Take free cash out.

        idempotency_key: this request's own id; one is made where none is given

        Problems: 400, 409, 413, 415, 422, 500, 503.
        """
        return self._send(
            Call(
                "POST",
                path("/api/accounts/{}/withdrawals", account_id),
                Accepted,
                body=body,
                keyed=True,
                key=idempotency_key,
            )
        )
