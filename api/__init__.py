"""The HTTP API: commands through `api.gateway` (Kafka and Redis, no database), reads through `api.query` (select only).

Security (`api.security`) stands before both: who calls, what they may do, how often, and the record of it.
"""
