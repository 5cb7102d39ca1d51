"""Backtests as jobs: from a request on Kafka to results in the database, through a queue in PostgreSQL (decision 0042).

    backtest.requests ──► requests ──► backtest_jobs ──► desk ──► a process for each job (child) ─► models.backtest
                          (one transaction   (leases      ▲ │                                        │
                           with the offset)   and claims) └─┴──────────── result ◄───────────────────┘
                                                            └─► backtest_results, _trades, _equity ──► MLflow

Verification: tests/streams/backtests.
"""
