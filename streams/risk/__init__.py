"""`tape risk`: what a risk officer asks of the ledger, and each partition's answer.

The ledger's event is the record of who did what and why; nothing is put on `audit.logs` besides.
"""
