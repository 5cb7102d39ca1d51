"""The HTTP API: commands through `api.gateway` (Kafka and Redis, no database), reads through `api.query` (select only).

Boundary: there is no authentication yet, so it serves loopback addresses only (api.app.check_host).
"""
