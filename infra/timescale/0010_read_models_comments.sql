-- What each table and view holds, for people who look at the database and for docs/reference/read-models.md.

comment on table schema_migrations is 'the migrations that were applied, with the SHA-256 of each file';
comment on table projection_progress is 'where each projection is on each partition of its topic, with the chain''s head there';
comment on table feed_head is 'the number of the newest committed batch: one row';
comment on table feed_batches is 'each committed batch: its number, and where its partitions stood then';

comment on table tape_records is 'every record of every tape, bytes and all, dead ones included: the second copy of the log';
comment on table accounts is 'accounts and what was agreed with their owners';
comment on table balances is 'the sum of all postings of each book account and commodity';
comment on table journal_postings is 'the journal: each leg of each event''s postings';
comment on table orders is 'orders as they stand, rejected ones included';
comment on table order_groups is 'orders that depend on each other: OCO, OTO, BRACKET';
comment on table order_events is 'the events of orders, whole';
comment on table order_history is 'what each event did to each order that it touches';
comment on table fills is 'executions as they were reported';
comment on table fill_corrections is 'executions that were corrected or busted, and what that changed';
comment on table command_rejections is 'commands that the ledger refused, orders excepted';
comment on table operator_actions is 'corporate actions, adjustments and transfers';
comment on table position_changes is 'what moved units or cash of a symbol on the market''s clock besides fills';
comment on table positions is 'units held of each symbol, their cost and profit';
comment on table lots is 'the purchases that a position is made of';
comment on table rebalance_events is 'rebalances that were planned or cancelled';
comment on table reconciliation_breaks is 'differences with the venue''s records, of orders that an account has';
comment on table portfolio_values is 'cash, value of positions and equity of each account at the closing time of each bar';

comment on table order_book_orders is 'the orders that stand on the book';
comment on table order_book_history is 'how orders stood on the book before they changed or left';
comment on table order_book_levels is 'the book in sums: one row for each price';

comment on table signals is 'signals with their probabilities, features and ticks';
comment on table signal_refusals is 'signals that were asked for and not made';
comment on table audit_actions is 'who did what, from the tape audit.logs';
comment on table audit_refusals is 'what could not be put on record as it was sent';
comment on table desk_events is 'what risk officers laid down, event by event';
comment on table desk_controls is 'the last word on each halt and limit of each partition';
comment on table desk_marks is 'the prices that risk and margin look at';
comment on table ticks is 'prices as the feed published them';

comment on view bars_1m is 'open, high, low, close and volume of a minute';
comment on view bars_5m is 'of five minutes';
comment on view bars_15m is 'of fifteen minutes';
comment on view bars_1h is 'of an hour';
comment on view bars_1d is 'of a day, UTC';
comment on view fills_now is 'each fill with what it is taken for now';
comment on view transfers is 'each transfer once, as it stands';
comment on view reconciliation_breaks_all is 'all breaks in one form, those of orders that no account has included';
