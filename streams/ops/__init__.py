"""`tape ops`: what the back office asks of the ledger, for one account or for all that it concerns.

The ledger's event is the record of who did what and why; nothing is put on `audit.logs` besides.
"""
