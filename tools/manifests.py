"""Write what the Kubernetes base takes from the gateway: Envoy's configuration and the descriptor set.

    python -m tools.manifests generate | check

kustomize reads files below its own folder only, so they stand there as copies, and a test keeps them fresh.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.render import render
from gateway.settings import DESCRIPTOR, GatewaySettings

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "k8s" / "base" / "gateway"
IN_CLUSTER = {
    "host": "0.0.0.0",
    "port": 8080,
    "engine_addresses": ("engine:50051",),
    "notifier_address": "notifier:50051",
    "notifier_http_address": "notifier:8000",
    "jwks_file": Path("/etc/tradewinds/keys/jwks.json"),
}
_MOUNTED_DESCRIPTOR = "/etc/gateway/tradewinds.binpb"


def expected() -> dict[Path, bytes]:
    """The files as they should be."""
    config = render(GatewaySettings.model_validate(IN_CLUSTER)).replace(str(DESCRIPTOR), _MOUNTED_DESCRIPTOR)
    return {FOLDER / "envoy.yaml": config.encode(), FOLDER / DESCRIPTOR.name: DESCRIPTOR.read_bytes()}


def stale() -> list[Path]:
    """Those that are not."""
    return [path for path, content in expected().items() if not path.exists() or path.read_bytes() != content]


def main() -> int:
    """Dispatch on the one argument."""
    if sys.argv[1:] == ["generate"]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path, content in expected().items():
            path.write_bytes(content)
        return 0
    if sys.argv[1:] == ["check"]:
        for path in stale():
            sys.stderr.write(f"stale: {path.name} of deploy/k8s/base/gateway; run `make proto` and commit the result\n")
        return 1 if stale() else 0
    sys.stderr.write(__doc__ or "")
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
