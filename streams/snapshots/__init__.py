"""Snapshots: what a tape's agent holds, written down beside the tape, so that a start need not read all history.

A snapshot is a cache and never the truth. `form` is the records, `checkpoint` writes them, `stored` reads them,
`restoring` holds them against the tape, `topic` is Kafka's side, `keeper` is when.
"""
