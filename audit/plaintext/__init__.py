"""The ledger as plain text that beancount or hledger reads: `tape audit export-journal`."""
