"""Reconciliation: the venue's open orders and executions against the ledger's (RTS 6, article 13(9)).

compare: two pictures give differences; pure. suspicions: which differences are breaks, after a grace; pure.
picture: the ledger's side, from the database. paper: the paper venue's side. lease: one worker at a time.
words: what is reported. reconciler: the loop around them.

Boundaries: it changes no order and no balance, and repairs nothing. What it finds, people and the venue's adapter heal.
"""
