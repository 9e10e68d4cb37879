"""The gateway's configuration: Envoy accepts it, and it opens exactly what the contracts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.contract import Rpc, read_contract
from gateway.launch import validate
from gateway.render import SSE_PATH, UNSUBSCRIBE_PATH, WEBSOCKET_PATH, render
from gateway.settings import DESCRIPTOR, GatewaySettings
from tests.support.signing import Signing
from tradewinds.auth import METHOD_ROLES
from tradewinds.errors import ConfigurationError

RPCS = read_contract(DESCRIPTOR).rpcs
# Runners hold their session with the engine itself, and services stream to the notifier itself.
NOT_REACHABLE = {"/tradewinds.v1.StrategyRunner/Session", "/tradewinds.v1.Notifier/StreamNotifications"}
# The SSE stream is its twin over HTTP, with event ids.
NOT_TRANSCODED = NOT_REACHABLE | {"/tradewinds.v1.Notifier/WatchNotifications"}


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    return GatewaySettings(
        port=0,
        engine_addresses=("127.0.0.1:1001", "engine.example:1002"),
        notifier_address="127.0.0.1:1003",
        notifier_http_address="127.0.0.1:1004",
        jwks_file=Signing(tmp_path).jwks_file,
    )


@pytest.fixture
def rendered(settings: GatewaySettings) -> Any:
    return yaml.safe_load(render(settings))


def connection_manager(rendered: Any) -> Any:
    return rendered["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def test_envoy_accepts_it(settings: GatewaySettings, tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(settings))
    validate(config)


def test_a_configuration_that_envoy_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text("static_resources: {listenerz: []}")
    with pytest.raises(ConfigurationError, match="listenerz"):
        validate(config)


@pytest.mark.parametrize("rpc", [rpc for rpc in RPCS if rpc.path not in NOT_TRANSCODED], ids=lambda rpc: rpc.name)
def test_every_rpc_has_an_http_mapping(rpc: Rpc) -> None:
    assert rpc.http_path.startswith("/v1/")


def test_the_exceptions_have_none() -> None:
    assert {rpc.path for rpc in RPCS if not rpc.http_verb} == NOT_TRANSCODED


def test_a_verb_and_path_mean_one_rpc() -> None:
    mapped = [(rpc.http_verb, rpc.http_path) for rpc in RPCS if rpc.http_verb]
    assert len(mapped) == len(set(mapped))


def test_there_is_a_route_for_every_rpc_but_the_session(rendered: Any) -> None:
    matches = [route["match"] for route in connection_manager(rendered)["route_config"]["virtual_hosts"][0]["routes"]]
    paths = {match["path"] for match in matches if "path" in match}
    assert paths == {rpc.path for rpc in RPCS} - NOT_REACHABLE | {SSE_PATH, WEBSOCKET_PATH, UNSUBSCRIBE_PATH}
    assert {match["prefix"] for match in matches if "prefix" in match} == {
        "/grpc.health.v1.Health/",
        "/grpc.reflection.",
    }


def test_every_reachable_method_has_exactly_the_roles_of_the_method_table(rendered: Any) -> None:
    filters = {one["name"]: one["typed_config"] for one in connection_manager(rendered)["http_filters"]}
    opened: dict[str, set[str]] = {}
    for policy in filters["envoy.filters.http.rbac"]["rules"]["policies"].values():
        roles = {
            "*"
            if "any" in one
            else one["sourced_metadata"]["metadata_matcher"]["value"]["list_match"]["one_of"]["string_match"]["exact"]
            for one in policy["principals"]
        }
        opened |= {permission["url_path"]["path"]["exact"]: roles for permission in policy["permissions"]}
    expected = {path: set(roles) for path, roles in METHOD_ROLES.items() if path not in NOT_REACHABLE}
    assert opened == expected | dict.fromkeys(
        (SSE_PATH, WEBSOCKET_PATH), expected["/tradewinds.v1.Notifier/WatchNotifications"]
    ) | {UNSUBSCRIBE_PATH: {"*"}}


def test_a_watch_has_no_timeout_but_is_given_up_when_it_is_silent(rendered: Any) -> None:
    routes = connection_manager(rendered)["route_config"]["virtual_hosts"][0]["routes"]
    watches = {rpc.path for rpc in RPCS if rpc.server_streaming} | {SSE_PATH, WEBSOCKET_PATH}
    for route in routes:
        if route["match"].get("path") in watches:
            assert (route["route"]["timeout"], route["route"]["idle_timeout"]) == ("0s", "60s")


def test_only_reads_are_repeated_when_their_effect_is_unknown(rendered: Any) -> None:
    reads = {rpc.path for rpc in RPCS if rpc.http_verb == "get" and not rpc.server_streaming}
    routes = connection_manager(rendered)["route_config"]["virtual_hosts"][0]["routes"]
    repeated = {
        r["match"]["path"] for r in routes if "unavailable" in r["route"].get("retry_policy", {}).get("retry_on", "")
    }
    assert repeated == reads


def test_several_engines_share_the_load(rendered: Any) -> None:
    engine = next(cluster for cluster in rendered["static_resources"]["clusters"] if cluster["name"] == "engine")
    addresses = [
        e["endpoint"]["address"]["socket_address"] for e in engine["load_assignment"]["endpoints"][0]["lb_endpoints"]
    ]
    assert addresses == [
        {"address": "127.0.0.1", "port_value": 1001},
        {"address": "engine.example", "port_value": 1002},
    ]


def test_the_admin_interface_stays_on_loopback(settings: GatewaySettings) -> None:
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})
    assert yaml.safe_load(render(everywhere))["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:http", ":80", "a:70000"])
def test_a_malformed_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        GatewaySettings(
            engine_addresses=(address,),
            notifier_address="a:1",
            notifier_http_address="a:2",
            jwks_file=tmp_path / "jwks.json",
        )


def test_a_missing_descriptor_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make proto"):
        read_contract(tmp_path / "nowhere.binpb")
