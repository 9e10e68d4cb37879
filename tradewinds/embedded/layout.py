"""Which processes make up the stack, and the environment that each of them gets: the edges of design §2, on loopback."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tradewinds import auth
from tradewinds.embedded.installation import SERVICE_TOKEN_LIFETIME, Installation
from tradewinds.embedded.options import UpOptions
from tradewinds.embedded.supervised import ProcessSpec, python

# What of the caller's environment the notifier gets: where messages go, and what a how-to says that one may set.
NOTIFIER_SETTINGS = (
    "EMAIL_PROVIDERS",
    "SMS_PROVIDERS",
    "TELEGRAM_PROVIDERS",
    "VAPID_PRIVATE_KEY",
    "VAPID_SUBJECT",
    "WEBHOOK_NETWORKS",
    "PUBLIC_URL",
    "ENDPOINT_VERIFICATION",
    "NOTIFICATION_RETENTION_DAYS",
    "NOTIFICATION_TTL_SECONDS",
    "PRICE_ALERTS_PER_USER",
    "DELIVERY_CONCURRENCY",
    "HEALTHCHECK_URL",
    "HEALTHCHECK_SECONDS",
    "HEALTHCHECK_DURING",
    "PHONE_CONTROL",
)
# A smaller scrip master, where the whole one is not the point: what the sandbox lists, and how few rows the feed trusts; and a broker
# that allows more than the real one.
_SANDBOX_SETTINGS = ("SANDBOX_SCRIP_SIZE", "SANDBOX_RATE_LIMIT_MULTIPLIER")
_FEED_SETTINGS = ("SCRIP_MASTER_MINIMUM_ROWS", "SCRIP_MASTER_MAY_REPEAT", "BAR_BACKFILL_DAYS", "BAR_RETENTION_DAYS")
# What an operator decides of how strategies and accounts are run.
_ENGINE_SETTINGS = (
    "QUARANTINE_CRASHES",
    "QUARANTINE_WINDOW_SECONDS",
    "MIS_SQUARE_OFF_MINUTES",
    "RISK_APPROVALS",
    "RISK_COOL_OFF_SECONDS",
    "BROKER_RATE_PLACE",
    "BROKER_RATE_MODIFY",
    "BROKER_RATE_CANCEL",
    "BROKER_RATE_ORDER_MESSAGES",
)

_LEASE_SETTINGS = tuple(f"LEASE_{word}_SECONDS" for word in ("TTL", "HEARTBEAT", "GATE_CLOSE", "GRACE"))


@dataclass(frozen=True)
class Addresses:
    """Ports of the parts, chosen before anything starts, so that a part that is started again is found again."""

    rest: int
    engines: tuple[int, ...]
    notifier: int
    notifier_http: int
    egress: int
    sandbox: int
    sandbox_tls: int


@dataclass(frozen=True)
class Layout:
    """Everything needed to write down the processes. Sandbox, egress and gateway are written before there are stores."""

    options: UpOptions
    installation: Installation
    addresses: Addresses
    database_url: str = ""
    redis_url: str = ""

    def sandbox(self) -> ProcessSpec:
        """The simulated broker."""
        secrets = self.installation.secrets()
        arguments = [
            *("--port", str(self.addresses.sandbox), "--tls-port", str(self.addresses.sandbox_tls)),
            *("--speed", str(self.options.speed), "--state-dir", str(self._sandbox_dir)),
            *("--ready-file", str(self.installation.state_dir / "ready" / "sandbox.json")),
        ]
        for file in self.options.replay:
            arguments += ["--replay", str(file.absolute())]
        credentials = {  # not among the arguments, which everybody on the machine can read
            "SANDBOX_CLIENT_CODE": secrets.sandbox_client_code,
            "SANDBOX_PIN": secrets.sandbox_pin,
            "SANDBOX_TOTP_SECRET": secrets.sandbox_totp_secret,
            "SANDBOX_API_KEY": secrets.sandbox_api_key,
        }
        return ProcessSpec("sandbox", python("-m", "sandbox", *arguments), {**credentials, **_given(_SANDBOX_SETTINGS)})

    def egress(self) -> ProcessSpec:
        """The way out to the broker."""
        environment = {
            "EGRESS_PORT": str(self.addresses.egress),
            "EGRESS_ALLOWED": real.egress_allowed if (real := self.options.real_broker) else self._broker_address,
            "EGRESS_STATE_DIR": str(self.installation.state_dir / "egress"),
        }
        return self._service("egress", ("-m", "engine_server", "egress"), environment)

    def feed(self) -> ProcessSpec:
        """Ticks and the scrip master."""
        environment = {
            **self._stores(),
            **self._broker(),
            **_given(_FEED_SETTINGS),
            "SEAL_KEY": self.installation.secrets().seal_key,
        }
        return self._service("feed", ("-m", "engine_server", "feed"), environment)

    def engine(self, number: int) -> ProcessSpec:
        """API, fleet and order management; several share the accounts, and one leads the fleet."""
        environment = {
            **self._stores(),
            **self._broker(),
            **_given(_ENGINE_SETTINGS),
            "SEAL_KEY": self.installation.secrets().seal_key,
            "JWKS_FILE": str(self.installation.jwks_file),
            "SERVICE_TOKEN": self._token(f"engine-{number}", auth.SERVICE),
            "EGRESS_URL": f"http://127.0.0.1:{self.addresses.egress}",
            "NOTIFIER_ADDRESS": f"127.0.0.1:{self.addresses.notifier}",
            "GRPC_PORT": str(self.addresses.engines[number]),
        }
        return self._service(f"engine-{number}", ("-m", "engine_server", "engine"), environment)

    def runner(self, number: int) -> ProcessSpec:
        """Hosts strategies; gets no credentials but its own token."""
        environment = {
            "REDIS_URL": self.redis_url,
            "ENGINE_ADDRESS": self._engines(beginning_with=number),
            "SERVICE_TOKEN": self._token(f"runner-{number}", auth.RUNNER),
            "STRATEGY_FOLDERS": str(self.options.strategies.resolve()) if self.options.strategies else "",
        }
        return self._service(f"runner-{number}", ("-m", "strategy_runner"), environment)

    def notifier(self) -> ProcessSpec:
        """Notifications."""
        environment = {
            **self._stores(),
            **_given(NOTIFIER_SETTINGS),
            "SEAL_KEY": self.installation.secrets().seal_key,
            "JWKS_FILE": str(self.installation.jwks_file),
            "SERVICE_TOKEN": self._token("notifier", auth.SERVICE),
            "ENGINE_ADDRESS": self._engines(),
            "GRPC_PORT": str(self.addresses.notifier),
            "HTTP_PORT": str(self.addresses.notifier_http),
        }
        return self._service("notifier", ("-m", "notifier"), environment)

    def gateway_environment(self) -> dict[str, str]:
        """What the gateway's configuration is rendered from."""
        return {
            "GATEWAY_PORT": str(self.addresses.rest),
            "ENGINE_ADDRESSES": self._engines(),
            "NOTIFIER_ADDRESS": f"127.0.0.1:{self.addresses.notifier}",
            "NOTIFIER_HTTP_ADDRESS": f"127.0.0.1:{self.addresses.notifier_http}",
            "JWKS_FILE": str(self.installation.jwks_file),
        }

    def _service(self, name: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> ProcessSpec:
        common = {"INSTANCE_ID": name, "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO")}
        common |= {variable: os.environ[variable] for variable in _LEASE_SETTINGS if variable in os.environ}
        return ProcessSpec(name, python(*arguments), {**common, **environment})

    def _engines(self, beginning_with: int = 0) -> str:
        """Every engine's address; runners begin with different ones, so that they are spread."""
        ports = self.addresses.engines
        begin = beginning_with % len(ports)
        return ",".join(f"127.0.0.1:{port}" for port in (*ports[begin:], *ports[:begin]))

    def _stores(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def _broker(self) -> dict[str, str]:
        if self.options.real_broker is not None:
            return self.options.real_broker.environment()
        tls = self._broker_address
        return {
            "BROKER_REST_URL": f"https://{tls}",
            "BROKER_ORDER_STREAM_URL": f"wss://{tls}/smart-order-update",
            "BROKER_MARKET_STREAM_URL": f"wss://{tls}/smart-stream",
            "BROKER_SCRIP_MASTER_URL": f"https://{tls}/OpenAPI_File/files/OpenAPIScripMaster.json",
            "BROKER_CLOCK_URL": f"https://{tls}/sandbox/clock",
            "BROKER_CA_FILE": str(self._sandbox_dir / "ca.pem"),
            # Its list is as long as it was told to make it: the next run's may be shorter.
            "SCRIP_MASTER_LEAST_SHARE": "0",
        }

    def _token(self, subject: str, role: str, lifetime: timedelta = SERVICE_TOKEN_LIFETIME) -> str:
        return self.installation.token(subject, (role,), lifetime)

    @property
    def _broker_address(self) -> str:
        return f"127.0.0.1:{self.addresses.sandbox_tls}"

    @property
    def _sandbox_dir(self) -> Path:
        """A replay is another market than the generated one: its broker has books of its own."""
        if not self.options.replay:
            return self.installation.state_dir / "sandbox" / "generated"
        return self.installation.state_dir / "sandbox" / "replay"


def _given(names: tuple[str, ...]) -> dict[str, str]:
    """Those that the caller's environment has."""
    return {name: os.environ[name] for name in names if name in os.environ}
