"""The Kubernetes base renders, is valid, and every process has its place in it."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from notifier.delivery.addresses import AddressGuard
from tools import manifests
from tradewinds.config import LeaseSettings

BASE = Path(__file__).resolve().parents[2] / "deploy" / "k8s" / "base"
KUBERNETES = "1.34"
WORKLOADS = {"Deployment", "StatefulSet", "Job"}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    kubectl = Path(sys.executable).with_name("kubectl")
    rendered = subprocess.run([kubectl, "kustomize", BASE], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    return [document for document in yaml.safe_load_all(rendered.stdout) if document]


def pods(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d["spec"]["template"]["spec"] for d in documents if d["kind"] in WORKLOADS}


def test_every_document_is_valid_strictly(documents: list[dict[str, Any]]) -> None:
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_every_process_of_the_design_has_its_place(documents: list[dict[str, Any]]) -> None:
    expected = {"engine", "egress", "feed", "strategy-runner", "notifier", "gateway", "migrations"}
    assert set(pods(documents)) == expected


def test_the_sandbox_is_never_deployed_to_production(documents: list[dict[str, Any]]) -> None:
    assert not any("sandbox" in name for name in pods(documents))


def test_every_container_is_locked_down_and_bounded(documents: list[dict[str, Any]]) -> None:
    for name, pod in pods(documents).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


def test_every_long_running_container_has_the_three_probes(documents: list[dict[str, Any]]) -> None:
    for name, pod in pods(documents).items():
        if name == "migrations":
            continue
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(pod["containers"][0]), name


def test_only_the_runner_is_scaled_by_its_number_and_keeps_its_name(documents: list[dict[str, Any]]) -> None:
    runner = next(d for d in documents if d["kind"] == "StatefulSet")
    assert runner["metadata"]["name"] == "strategy-runner"
    assert runner["spec"]["podManagementPolicy"] == "Parallel"


def test_a_runner_has_time_to_stop_its_strategies_and_say_goodbye(documents: list[dict[str, Any]]) -> None:
    lease = LeaseSettings.model_construct(ttl_seconds=6.0)
    grace = pods(documents)["strategy-runner"]["terminationGracePeriodSeconds"]
    assert grace > 10 * (lease.ttl_seconds + lease.grace_seconds)


def test_runners_get_no_credentials_of_the_broker_or_the_database(documents: list[dict[str, Any]]) -> None:
    runner = pods(documents)["strategy-runner"]["containers"][0]
    secrets = {source["secretRef"]["name"] for source in runner["envFrom"] if "secretRef" in source}
    assert secrets == {"tradewinds-redis", "runner-token"}


def test_the_notifier_reaches_providers_and_nothing_private(documents: list[dict[str, Any]]) -> None:
    policy = next(d for d in documents if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] == "notifier")
    rules = policy["spec"]["egress"]
    anywhere = [rule for rule in rules if any("ipBlock" in peer for peer in rule.get("to", ()))]
    assert [{port["port"] for port in rule["ports"]} for rule in anywhere] == [{443, 465, 587}]
    blocks = [peer["ipBlock"] for rule in anywhere for peer in rule["to"]]
    reached = AddressGuard()
    for block in blocks:
        for closed in block["except"]:
            # The policy closes no more than the notifier's own guard does.
            assert not reached.permits(str(ip_network(closed)[1])), closed
    for private in (
        "10.1.2.3",
        "172.20.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "127.0.0.1",
        "fd00::1",
        "fe80::1",
    ):
        address = ip_address(private)
        assert not any(_reaches(block, address) for block in blocks), private
    assert any(_reaches(block, ip_address("149.154.167.220")) for block in blocks)


# The architecture's edges, and everybody's stores (the names are ours: PostgreSQL and Redis have no pods here).
EDGES = {
    ("gateway", "engine"): {50051},
    ("gateway", "notifier"): {50051, 8000},
    ("engine", "engine"): {50051},
    ("engine", "egress"): {3128},
    ("engine", "notifier"): {50051},
    ("notifier", "engine"): {50051},
    ("strategy-runner", "engine"): {50051},
}
STORES = {
    "engine": {5432, 6379},
    "feed": {5432, 6379},
    "notifier": {5432, 6379},
    "strategy-runner": {6379},
    "migrations": {5432},
    "egress": set[int](),
    "gateway": set[int](),
}
ANYWHERE = {"feed": {443}, "egress": {443}, "notifier": {443, 465, 587}}


def test_the_network_has_the_edges_of_the_architecture_and_no_others(documents: list[dict[str, Any]]) -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in documents if d["kind"] == "NetworkPolicy"}
    names = set(pods(documents))
    assert policies.keys() == names | {"nothing-else"}
    assert policies["nothing-else"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in names:
        assert policies[name]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}
        assert policies[name]["policyTypes"] == ["Ingress", "Egress"]
    leaving = {
        (a, b): ports for a in names for b in names if (ports := _ports_to(policies[a].get("egress", []), "to", b))
    }
    arriving = {
        (a, b): ports for a in names for b in names if (ports := _ports_to(policies[b].get("ingress", []), "from", a))
    }
    assert leaving == EDGES
    assert arriving == EDGES
    assert {name: _unnamed(policies[name].get("egress", [])) - {53} for name in names} == STORES
    doors = {name: _unnamed(policies[name].get("ingress", [])) for name in names}
    assert doors == {name: {9090} for name in names} | {"gateway": {8080}, "migrations": set()}
    outside = {name: _ports_to(policies[name].get("egress", []), "to", "") for name in names}
    assert {name: ports for name, ports in outside.items() if ports} == ANYWHERE


def _ports_to(rules: list[dict[str, Any]], side: str, name: str) -> set[int]:
    """The ports of the rules that name a pod, or of those for addresses ("")."""
    found: set[int] = set()
    for rule in rules:
        for peer in rule.get(side, ()):
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            if labels.get("app.kubernetes.io/name", "") == name:
                found |= {port["port"] for port in rule["ports"]}
    return found


def _unnamed(rules: list[dict[str, Any]]) -> set[int]:
    return {port["port"] for rule in rules if not ("to" in rule or "from" in rule) for port in rule["ports"]}


def _reaches(block: dict[str, Any], address: IPv4Address | IPv6Address) -> bool:
    return address in ip_network(block["cidr"]) and not any(address in ip_network(one) for one in block["except"])


def test_the_gateway_files_are_fresh() -> None:
    assert manifests.stale() == [], "run `make proto` and commit the result"
