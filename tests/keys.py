"""The root key and the signing key that the tests' ledgers have."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

ROOT_KEY = "tk_root_" + "5e" * 32
ROOT = {"Authorization": f"Bearer {ROOT_KEY}"}
SIGNING_KEY = "signing-key-of-the-tests-" + "0" * 16
KEYS: dict[str, Any] = {"api_root_key": SecretStr(ROOT_KEY), "auth_signing_keys": SecretStr(SIGNING_KEY)}
