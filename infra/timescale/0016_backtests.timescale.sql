-- By the time at which results were written, so that those of one backtest are together and old chunks are not touched. No
-- policy drops them: the worker deletes jobs with all their rows, after BACKTEST_KEPT_DAYS, in every database alike.
select create_hypertable('backtest_equity', 'recorded_at', chunk_time_interval => interval '30 days');
