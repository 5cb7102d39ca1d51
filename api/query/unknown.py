"""What is not known here, as problems."""

from __future__ import annotations

from fastapi import Request

from api.problems import FieldProblem, ProblemError
from api.query.database import Row


def not_found(code: str, what: str) -> ProblemError:
    return ProblemError(
        404, code, f"{what} is not known here. It may not be projected yet: a command just accepted shows up shortly"
    )


def known_account(account: Row | None, account_id: str) -> Row:
    """Raises ProblemError 404 for an account that is not projected."""
    if account is None:
        raise not_found("ACCOUNT_UNKNOWN", f"account {account_id}")
    return account


def position_unknown(partition: int, position: int, projected: int) -> ProblemError:
    """404 for a place on the ledger's tape that is still to come."""
    detail = (
        f"partition {partition} of the ledger is projected up to offset {projected}; the position was {position}. "
        "A command just accepted shows up shortly"
    )
    error = FieldProblem(code="POSITION_UNKNOWN", detail=detail, parameter="query:position")
    return ProblemError(404, "POSITION_UNKNOWN", detail, errors=[error])


def check_traded(request: Request, symbol: str, is_known: bool) -> None:
    """404 for a symbol that is neither traded now nor known from former times."""
    symbols: tuple[str, ...] = request.app.state.symbols
    if not is_known and symbol not in symbols:
        detail = f"expected one of {', '.join(sorted(symbols))}; it was {symbol!r}"
        raise ProblemError(404, "INSTRUMENT_UNKNOWN", detail)
