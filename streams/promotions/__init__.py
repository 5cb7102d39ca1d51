"""Promotions of models, on record: the registry moves the alias, the tape `audit.logs` tells who did it and why."""
