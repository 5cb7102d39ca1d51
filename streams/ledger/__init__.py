"""The ledger agent: commands and reports in, `ledger.events` out, orders handed to the execution engine."""
