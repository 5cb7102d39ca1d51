"""What clients write about orders and portfolios, and the ledger's words for it: shared by commands and previews."""
