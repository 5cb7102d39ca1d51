"""The tape `audit.logs`: its agent, how to send it an action, and how to follow what it has written."""
