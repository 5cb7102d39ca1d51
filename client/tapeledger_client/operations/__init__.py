"""Every operation.

Made by `python -m client.codegen` from the OpenAPI document. Do not edit.
"""

from __future__ import annotations

from tapeledger_client.operations.access import AccessOperations
from tapeledger_client.operations.accounts import AccountsOperations
from tapeledger_client.operations.backtests import BacktestsOperations
from tapeledger_client.operations.market import MarketOperations
from tapeledger_client.operations.orders import OrdersOperations
from tapeledger_client.operations.portfolio import PortfolioOperations
from tapeledger_client.operations.reconciliation import ReconciliationOperations
from tapeledger_client.operations.risk import RiskOperations
from tapeledger_client.operations.signals import SignalsOperations
from tapeledger_client.operations.system import SystemOperations


class Operations(
    AccessOperations,
    AccountsOperations,
    BacktestsOperations,
    MarketOperations,
    OrdersOperations,
    PortfolioOperations,
    ReconciliationOperations,
    RiskOperations,
    SignalsOperations,
    SystemOperations,
):
    """Every operation of the API."""
