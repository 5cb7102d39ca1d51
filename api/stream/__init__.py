"""The stream: what changes in the read models, told as it is committed, over WebSocket and server-sent events."""
