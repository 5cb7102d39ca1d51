"""Every operation.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.async_operations.access import AsyncAccessOperations
from tapeledger_client.async_operations.accounts import AsyncAccountsOperations
from tapeledger_client.async_operations.backtests import AsyncBacktestsOperations
from tapeledger_client.async_operations.market import AsyncMarketOperations
from tapeledger_client.async_operations.orders import AsyncOrdersOperations
from tapeledger_client.async_operations.portfolio import AsyncPortfolioOperations
from tapeledger_client.async_operations.reconciliation import AsyncReconciliationOperations
from tapeledger_client.async_operations.risk import AsyncRiskOperations
from tapeledger_client.async_operations.signals import AsyncSignalsOperations
from tapeledger_client.async_operations.system import AsyncSystemOperations


class AsyncOperations(
    AsyncAccessOperations,
    AsyncAccountsOperations,
    AsyncBacktestsOperations,
    AsyncMarketOperations,
    AsyncOrdersOperations,
    AsyncPortfolioOperations,
    AsyncReconciliationOperations,
    AsyncRiskOperations,
    AsyncSignalsOperations,
    AsyncSystemOperations,
):
    """Every operation of the API."""
