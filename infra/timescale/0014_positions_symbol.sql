-- Who holds a symbol whose price has changed: the stream values their portfolios. Neither column of a position ever changes,
-- so the index costs its first row and nothing after that.
create index positions_symbol on positions (symbol, account_id);
