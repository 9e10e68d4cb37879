"""Who may call what: tokens (ES256 JWTs checked against a JWKS file) and ONE method table, deny by default.

The gateway checks the same tokens; every service checks them again. Roles are sets: an operator may stop but not place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import jwt

from tradewinds.errors import ConfigurationError, PermissionDeniedError, UnauthenticatedError

ISSUER: Final = "tradewinds"
AUDIENCE: Final = "tradewinds"

VIEWER, TRADER, OPERATOR, ADMIN, SERVICE, RUNNER = "viewer", "trader", "operator", "admin", "service", "runner"
ROLES: Final = frozenset({VIEWER, TRADER, OPERATOR, ADMIN, SERVICE, RUNNER})

_READ: Final = frozenset({VIEWER, TRADER, OPERATOR, ADMIN, SERVICE})
_TRADE: Final = frozenset({TRADER, ADMIN})
_OPERATE: Final = frozenset({TRADER, OPERATOR, ADMIN})
# What lets more through: a limit is raised, a kill switch released.
_LOOSEN: Final = frozenset({OPERATOR, ADMIN})
PUBLIC: Final[frozenset[str]] = frozenset({"*"})
_REMEMBERED_TOKENS: Final = 1_024

_V1 = "/tradewinds.v1."
METHOD_ROLES: Final[dict[str, frozenset[str]]] = {
    f"{_V1}StrategyManager/ListStrategies": _READ,
    f"{_V1}StrategyManager/CreateStrategyConfig": _TRADE,
    f"{_V1}StrategyManager/GetStrategyConfig": _READ,
    f"{_V1}StrategyManager/ListStrategyConfigs": _READ,
    f"{_V1}StrategyManager/DeleteStrategyConfig": _TRADE,
    f"{_V1}StrategyManager/StartStrategy": _OPERATE,
    f"{_V1}StrategyManager/StopStrategy": _OPERATE,
    f"{_V1}StrategyManager/RestartStrategy": _OPERATE,
    f"{_V1}StrategyManager/PauseStrategy": _OPERATE,
    f"{_V1}StrategyManager/ResumeStrategy": _OPERATE,
    f"{_V1}StrategyManager/KillStrategy": _OPERATE,
    f"{_V1}StrategyManager/ReleaseStrategy": _OPERATE,
    f"{_V1}StrategyManager/SignalStrategy": _TRADE,  # what it makes of it may be an order
    f"{_V1}StrategyManager/UpdateStrategyConfig": _TRADE,
    f"{_V1}StrategyManager/ListStrategyLogs": _READ,
    f"{_V1}StrategyManager/WatchStrategyLogs": _READ,
    f"{_V1}StrategyManager/GetCommand": _READ,
    f"{_V1}StrategyManager/ListCommands": _READ,
    f"{_V1}StrategyManager/ListRuns": _READ,
    f"{_V1}StrategyManager/ListMetrics": _READ,
    f"{_V1}StrategyManager/WatchStrategies": _READ,
    f"{_V1}StrategyRunner/Session": frozenset({RUNNER}),
    f"{_V1}Trading/PlaceOrder": _TRADE | {RUNNER},
    f"{_V1}Trading/GetOrder": _READ,
    f"{_V1}Trading/ListOrders": _READ,
    f"{_V1}Trading/CancelOrder": _OPERATE | {RUNNER},
    f"{_V1}Trading/ModifyOrder": _TRADE | {RUNNER},
    f"{_V1}Trading/ResolveOrder": _OPERATE,
    f"{_V1}Trading/ExplainOrder": _READ,
    f"{_V1}Trading/ListHolds": _READ,
    f"{_V1}Trading/ReleaseHold": _TRADE | {OPERATOR},
    f"{_V1}Trading/AttributePosition": _OPERATE,
    f"{_V1}Trading/AdjustPosition": _TRADE | {OPERATOR},
    f"{_V1}Trading/ConvertPosition": _TRADE,
    f"{_V1}Trading/CreateGuard": _TRADE | {RUNNER},
    f"{_V1}Trading/ListGuards": _READ,
    f"{_V1}Trading/CancelGuard": _TRADE | {RUNNER},
    f"{_V1}Trading/WatchOrders": _READ,
    f"{_V1}Trading/ListTrades": _READ,
    f"{_V1}Trading/ListPositions": _READ,
    f"{_V1}Trading/ListHoldings": _READ,
    f"{_V1}Trading/GetFunds": _READ,
    f"{_V1}MarketData/SearchInstruments": _READ,
    f"{_V1}MarketData/GetInstrument": _READ,
    f"{_V1}MarketData/ListCategories": _READ,
    f"{_V1}MarketData/ListExpiries": _READ | {RUNNER},
    f"{_V1}MarketData/GetOptionChain": _READ | {RUNNER},
    f"{_V1}MarketData/GetQuotes": _READ,
    f"{_V1}MarketData/WatchQuotes": _READ,
    f"{_V1}MarketData/ListBars": _READ | {RUNNER},
    f"{_V1}MarketData/GetFeedStatus": _READ,
    f"{_V1}MarketData/GetMarketClock": _READ,
    f"{_V1}MarketData/ListCalendarDays": _READ | {RUNNER},
    f"{_V1}MarketData/UpdateCalendarDay": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Notifier/SendNotification": _OPERATE | {SERVICE},
    f"{_V1}Notifier/BatchSendNotifications": _OPERATE | {SERVICE},
    f"{_V1}Notifier/StreamNotifications": _OPERATE | {SERVICE},
    f"{_V1}Notifier/ListNotifications": _READ,
    f"{_V1}Notifier/MarkNotificationRead": _READ,
    f"{_V1}Notifier/MarkAllNotificationsRead": _READ,
    f"{_V1}Notifier/AcknowledgeNotification": _READ,
    f"{_V1}Notifier/CountUnreadNotifications": _READ,
    f"{_V1}Notifier/ExplainNotification": _READ,
    f"{_V1}Notifier/CreateAlertTemplate": _OPERATE,
    f"{_V1}Notifier/GetAlertTemplate": _READ,
    f"{_V1}Notifier/ListAlertTemplates": _READ,
    f"{_V1}Notifier/UpdateAlertTemplate": _OPERATE,
    f"{_V1}Notifier/DeleteAlertTemplate": _OPERATE,
    f"{_V1}Notifier/PreviewAlertTemplate": _READ,
    f"{_V1}Notifier/ListNotificationDeliveries": _READ,
    f"{_V1}Notifier/RedriveNotificationDeliveries": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Notifier/WatchNotifications": _READ,
    f"{_V1}Notifier/GetNotificationSettings": _READ,
    f"{_V1}Notifier/UpdateNotificationSettings": _OPERATE,
    f"{_V1}Notifier/CreatePriceAlert": _OPERATE,
    f"{_V1}Notifier/GetPriceAlert": _READ,
    f"{_V1}Notifier/ListPriceAlerts": _READ,
    f"{_V1}Notifier/UpdatePriceAlert": _OPERATE,
    f"{_V1}Notifier/DeletePriceAlert": _OPERATE,
    f"{_V1}Notifier/SnoozePriceAlert": _OPERATE,
    f"{_V1}Notifier/RearmPriceAlert": _OPERATE,
    f"{_V1}Notifier/ListPriceAlertFires": _READ,
    f"{_V1}Notifier/ListNotificationEndpoints": _READ,
    f"{_V1}Notifier/CreateNotificationEndpoint": _OPERATE,
    f"{_V1}Notifier/DeleteNotificationEndpoint": _OPERATE,
    f"{_V1}Notifier/VerifyNotificationEndpoint": _OPERATE,
    # A chat speaks with the token that allowed it, and so with no role more.
    f"{_V1}Notifier/AllowPhoneChat": _OPERATE,
    f"{_V1}Notifier/ListPhoneChats": _READ,
    f"{_V1}Notifier/ForbidPhoneChat": _READ,
    f"{_V1}Operations/GetHealth": _READ,
    f"{_V1}Operations/ListRunners": _READ,
    f"{_V1}Operations/CordonRunner": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Operations/DrainRunner": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Operations/UncordonRunner": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Operations/ListBrokerAccounts": _READ,
    f"{_V1}Operations/GetBrokerAccount": _READ,
    f"{_V1}Operations/LoginBrokerAccount": _OPERATE,
    f"{_V1}Operations/ListAuditEvents": _READ,
    f"{_V1}Operations/VerifyAuditLog": frozenset({OPERATOR, ADMIN}),
    f"{_V1}Operations/ExportAuditLog": _READ,
    f"{_V1}Operations/ListRiskLimits": _READ,
    f"{_V1}Operations/GetRiskLimit": _READ,
    f"{_V1}Operations/UpdateRiskLimit": _OPERATE,
    f"{_V1}Operations/EngageKillSwitch": _OPERATE | {SERVICE},
    f"{_V1}Operations/GetKillSwitch": _READ,
    f"{_V1}Operations/ListKillSwitches": _READ,
    f"{_V1}Operations/ReleaseKillSwitch": _LOOSEN,
    f"{_V1}Operations/ListProfitAndLoss": _READ,
    f"{_V1}Operations/ListRiskDecisions": _READ,
    f"{_V1}Operations/ApproveRiskDecision": _LOOSEN,
    f"{_V1}Operations/WithdrawRiskDecision": _OPERATE,
    # Probes and grpcurl.
    "/grpc.health.v1.Health/Check": PUBLIC,
    "/grpc.health.v1.Health/Watch": PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": PUBLIC,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": PUBLIC,
}


@dataclass(frozen=True)
class Principal:
    """Who calls: the token's subject (a user id or a service's name) and its roles."""

    subject: str
    roles: frozenset[str]

    def has(self, *roles: str) -> bool:
        """Whether any of `roles` is held."""
        return bool(self.roles & set(roles))

    @property
    def sees_everything(self) -> bool:
        """Operators, admins and services see every user's rows; everybody else their own."""
        return self.has(OPERATOR, ADMIN, SERVICE)


_current: ContextVar[Principal] = ContextVar("principal")


def set_principal(principal: Principal) -> None:
    """Called by the server interceptor, once a call."""
    _current.set(principal)


def principal() -> Principal:
    """Who makes the current call."""
    return _current.get()


class TokenVerifier:
    """Checks bearer tokens against the public keys of a JWKS file."""

    def __init__(self, jwks_file: Path) -> None:
        try:
            keys = jwt.PyJWKSet.from_dict(json.loads(jwks_file.read_text()))
        except (OSError, ValueError, jwt.PyJWTError) as e:
            raise ConfigurationError(f"JWKS_FILE: {jwks_file} cannot be read as a JWKS ({e})") from e
        self._keys = {key.key_id: key for key in keys.keys}
        # Checking a signature takes 0.1 ms, and callers show the same token again and again.
        self._verified: dict[str, tuple[float, Principal]] = {}

    def verify(self, token: str) -> Principal:
        """The principal behind a token; raises `UnauthenticatedError` saying what is wrong with it."""
        known = self._verified.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
        expires_at, principal = self._check(token)
        if len(self._verified) >= _REMEMBERED_TOKENS:
            self._verified.clear()
        self._verified[token] = (expires_at, principal)
        return principal

    def _check(self, token: str) -> tuple[float, Principal]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(key_id)
            if key is None:
                raise UnauthenticatedError(
                    "the token was signed with a key that is not ours; get one with `tradewinds token`"
                )
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub"]},
                leeway=5,
            )
        except jwt.ExpiredSignatureError as e:
            raise UnauthenticatedError("the token has expired; get a new one with `tradewinds token`") from e
        except jwt.PyJWTError as e:
            raise UnauthenticatedError(f"the token is not valid ({e}); get one with `tradewinds token`") from e
        roles = claims.get("roles")
        if not isinstance(roles, list):
            raise UnauthenticatedError("the token has no list of roles; get one with `tradewinds token`")
        return float(claims["exp"]), Principal(str(claims["sub"]), frozenset(str(role) for role in roles))

    def verify_header(self, authorization: str | None) -> Principal:
        """The principal behind an `Authorization: Bearer …` value."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError(
                "no bearer token: send `Authorization: Bearer TOKEN`; `tradewinds token` prints one"
            )
        return self.verify(token.strip())


def issue_token(
    private_key_pem: str,
    key_id: str,
    subject: str,
    roles: Iterable[str],
    lifetime: timedelta,
    now: datetime | None = None,
) -> str:
    """Sign a token; raises `ConfigurationError` for a role that does not exist."""
    wanted = sorted(set(roles))
    if unknown := set(wanted) - ROLES:
        raise ConfigurationError(f"roles: {', '.join(sorted(unknown))} unknown; choose from {', '.join(sorted(ROLES))}")
    moment = now or datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "roles": wanted,
        "iat": moment,
        "exp": moment + lifetime,
    }
    return jwt.encode(claims, private_key_pem, algorithm="ES256", headers={"kid": key_id})


def authorize(method: str, caller: Principal | None) -> None:
    """Raise unless `caller` may call `method` (`/tradewinds.v1.Trading/PlaceOrder`). An unmapped method is denied."""
    allowed = METHOD_ROLES.get(method, frozenset())
    if allowed == PUBLIC:
        return
    if caller is None:
        raise UnauthenticatedError
    if not caller.roles & allowed:
        needed = ", ".join(sorted(allowed)) or "no role at all"
        raise PermissionDeniedError(
            f"{method} needs one of: {needed}; the token has: {', '.join(sorted(caller.roles))}"
        )


def expires_at(authorization: str) -> datetime:
    """When the token of an `Authorization` value that has been verified is over."""
    claims = jwt.decode(token_of(authorization), options={"verify_signature": False})
    return datetime.fromtimestamp(float(claims["exp"]), UTC)


def token_of(authorization: str) -> str:
    """The token of an `Authorization: Bearer …` value that has been verified."""
    return authorization.partition(" ")[2].strip()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """gRPC call metadata that carries `token`."""
    return (("authorization", f"Bearer {token}"),)
