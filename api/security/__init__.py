"""Who calls and what they may do: credentials, roles and scopes, ownership of accounts, limits, and the audit of it."""
