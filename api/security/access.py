"""Who calls, and whose accounts they may see and command: what the other parts of the API ask of security.

`app.state.access` is one. A principal's rights are those of the role and of the credential, both, as they stand now.
"""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection

from api.problems import ProblemError
from api.security.accounts import Accounts
from api.security.credentials import find, invalid, refuse_in_url
from api.security.directory import Database, Directory
from api.security.limits import Limiter, Verdict
from api.security.operations import Operations
from api.security.principal import Principal
from api.security.refresh import RefreshTokens
from api.security.sessions import SAFE_METHODS, Sessions, check_csrf, check_origin, is_local
from api.security.store import Store
from api.security.tokens import Tokens
from api.security.trail import Call, Send, Trail
from domain import actions
from domain.access import ROLES, SEES_ALL
from runtime.settings import Settings

METRICS_PATH = "/api/metrics"
_STRANGERS = frozenset({400, 401, 403})


class Access:
    """Authentication, limits, and the ownership of accounts.

    database: the read side's snapshots. send: puts a record on a topic (api.security.trail).
    """

    def __init__(self, settings: Settings, database: Database, send: Send, operations: Operations) -> None:
        self.settings = settings
        self.directory = Directory(settings, database)
        self.accounts = Accounts(database)
        self.tokens = Tokens(settings)
        self._store = Store(settings)
        self.sessions = Sessions(settings, self._store)
        self.refresh_tokens = RefreshTokens(settings, self._store)
        self.limiter = Limiter(self._store)
        self.trail = Trail(settings, send)
        self._origins = settings.origins()
        self._operations = operations

    def start(self) -> None:
        self.directory.start()
        self.trail.start()

    async def stop(self) -> None:
        """Blocks for at most a few seconds, while actions that wait are put on record."""
        await self.directory.stop()
        await self.trail.stop()
        await self._store.close()

    async def authenticate(self, connection: HTTPConnection, *, is_use: bool = True) -> Principal:
        """Who calls. Asked again for the same request or WebSocket, it answers the same.

        is_use: somebody does something, and a session is not idle.
        Raises ProblemError: 400 for a credential in the URL, 401 without a valid one, 403 where a session's cookie
        comes without its CSRF token or from another origin, 429 for an address with too many of these, 503.
        """
        state = connection.scope.setdefault("state", {})
        known = state.get("principal")
        if isinstance(known, Principal):
            return known
        try:
            refuse_in_url(connection.scope.get("query_string", b""))
            principal = await self._principal(connection, is_use)
        except ProblemError as problem:
            raise await self.refused(connection, problem) from problem
        state["principal"] = principal
        return principal

    async def authenticate_again(self, connection: HTTPConnection) -> Principal:
        """Who calls by what the credential is worth now: for connections that last longer than a request.

        A page that nobody looks at is connected too: a session that does nothing else ends as idle.
        """
        connection.scope.setdefault("state", {}).pop("principal", None)
        return await self.authenticate(connection, is_use=False)

    async def _principal(self, connection: HTTPConnection, is_use: bool) -> Principal:
        kind, text = find(connection)
        if kind == "session":
            if connection.scope["type"] == "websocket":
                check_origin(connection, self._origins)
            elif connection.scope["method"] not in SAFE_METHODS:
                check_csrf(connection, text, self._origins)
            session = await self.sessions.find(text, is_use=is_use)
            return self._standing(session.user_id, session.key_id, session.session_id)
        key = self.directory.key_of(text)
        if key is not None:
            return self._standing(key.user_id, key.key_id, key.key_id)
        claims = self.tokens.verify(text)
        return self._standing(claims.user_id, claims.key_id, claims.token_id, claims.scopes)

    def _standing(
        self, user_id: str, key_id: str, credential_id: str, scopes: frozenset[str] | None = None
    ) -> Principal:
        """scopes: a token's own, which may be fewer than its key's. Raises ProblemError 401."""
        found = self.directory.standing(user_id, key_id)
        if found is None:
            raise invalid()
        user, key = found
        granted = ROLES[user.role] & key.scopes
        return Principal(
            user_id=user_id,
            role=user.role,
            scopes=granted if scopes is None else granted & scopes,
            credential_id=credential_id,
            accounts=user.accounts,
            key_id=key_id,
            limit_per_minute=key.limit_per_minute,
        )

    async def refused(self, connection: HTTPConnection, problem: ProblemError) -> ProblemError:
        """A stranger's problem, put on record; 429 in its place where this address had too many of them."""
        if problem.status not in _STRANGERS:
            return problem
        network = network_of(address_of(connection))
        verdict = await self.limiter.take("address", network, self.settings.api_stranger_limit_per_minute)
        answer = problem if verdict.is_allowed else verdict.problem()
        answer.headers = verdict.headers() | answer.headers
        self.denied(connection, None, answer.code)
        return answer

    async def limit(self, principal: Principal) -> Verdict | None:
        """Take one request off the caller's quota; None for a caller without one."""
        own = principal.limit_per_minute
        quota = self.settings.api_rate_limit_per_minute if own is None else own
        if quota == 0:
            return None
        return await self.limiter.take("user", principal.user_id if own is None else principal.key_id, quota)

    def is_open(self, connection: HTTPConnection) -> bool:
        """Whether this needs no credential: metrics, for a scraper on this machine, where the setting says so."""
        return self.settings.api_open_metrics and connection.scope["path"] == METRICS_PATH and is_local(connection)

    async def may_read(self, principal: Principal, account_id: str) -> bool:
        """Whether the account is theirs or granted, or their scopes read all. Raises ProblemError 503."""
        if principal.scopes & SEES_ALL or account_id in principal.accounts:
            return True
        return await self.accounts.owner(account_id) == principal.user_id

    async def may_trade(self, principal: Principal, account_id: str) -> bool:
        """Whether they may command the account. Waits a moment for one that was just opened.

        Raises ProblemError 503.
        """
        if "trade" not in principal.scopes:
            return False
        if "admin" in principal.scopes or account_id in principal.accounts:
            return True
        return await self.accounts.owner_soon(account_id, principal.user_id) == principal.user_id

    async def visible_accounts(self, principal: Principal) -> frozenset[str] | None:
        """The accounts that they may read; None: all. Raises ProblemError 503."""
        if principal.scopes & SEES_ALL:
            return None
        return principal.accounts | await self.accounts.owned_by(principal.user_id)

    def denied(self, connection: HTTPConnection, principal: Principal | None, code: str) -> None:
        """Put a refused call on record; it does not wait."""
        address = address_of(connection)
        actor = f"address:{address}" if principal is None else principal.user_id
        subject = f"address:{address}" if principal is None else f"user:{principal.user_id}"
        call = Call(actor, subject, actions.ACCESS_DENIED, self._operations.name(connection.scope), code)
        self.trail.called(call, **_details(connection, principal))

    def privileged(self, connection: HTTPConnection, principal: Principal, account_id: str = "") -> None:
        """Put a call on record that was made by a right beyond the caller's own accounts; it does not wait."""
        operation = self._operations.name(connection.scope)
        call = Call(
            principal.user_id, f"user:{principal.user_id}", actions.ACCESS_PRIVILEGED, operation, "", account_id
        )
        self.trail.called(call, **_details(connection, principal))


def _details(connection: HTTPConnection, principal: Principal | None) -> dict[str, str]:
    state = connection.scope.get("state", {})
    return {
        "address": address_of(connection),
        "credential_id": "" if principal is None else principal.credential_id,
        "request_id": state.get("request_id", ""),
        "trace_id": state.get("trace_id", ""),
    }


def network_of(address: str) -> str:
    """What one stranger has: an IPv4 address, or the 64 bits of an IPv6 one that name a network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)


def address_of(connection: HTTPConnection) -> str:
    """Where the call comes from: the peer, or what a trusted proxy says."""
    return "unknown" if connection.client is None else connection.client.host[:64]
