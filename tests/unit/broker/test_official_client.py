"""The official client behind its hardening: nothing at import, nothing on disk, nothing said, one way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine_server.broker.angel_one.client import AngelOneClient
from engine_server.broker.angel_one.evidence import Evidence, HttpRequest

CANARY = "canary-7f3a"

# Run in a process of its own: imports happen once. The audit hook sees what Python itself does.
PROGRAM = f"""
import sys
touched = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        touched.append((event, repr(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+") and not str(arguments[0]).endswith(".pyc"):
        if "__pycache__" not in str(arguments[0]):
            touched.append((event, repr(arguments)))
    if event == "os.mkdir" and "__pycache__" not in str(arguments[0]):
        touched.append((event, repr(arguments)))
sys.addaudithook(watch)
import requests
real_get = requests.get
from engine_server.broker.angel_one.client import AngelOneClient
from engine_server.broker.angel_one.evidence import Evidence
from SmartApi.smartConnect import logger
assert requests.get is real_get, "everybody else's requests.get is left as it was"
client = AngelOneClient("{CANARY}-key", "{CANARY}-jwt", lambda request: Evidence(begun=False, failure="down"))
client.generateSession("{CANARY}-client", "{CANARY}-pin", "{CANARY}-totp")
client.placeOrderFullResponse({{"ordertag": "{CANARY}-tag"}})
client.cancelOrder("{CANARY}-id", "NORMAL")
logger.error("{CANARY}-logged")
assert not touched, touched
"""


def test_import_and_failing_calls_touch_no_network_no_file_and_say_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


class Recorder:
    """Answers every request with the same evidence."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> Evidence:
        self.requests.append(request)
        return self.evidence


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Evidence(begun=True, http_status=200, body=b'{"status": true, "data": null}'))


@pytest.fixture
def client(recorder: Recorder) -> AngelOneClient:
    return AngelOneClient("my-key", "j.w.t", recorder)


def test_the_token_is_prefixed_once_and_the_key_travels_in_its_header(
    client: AngelOneClient, recorder: Recorder
) -> None:
    client.orderBook()
    headers = recorder.requests[0].headers
    assert headers["Authorization"] == "Bearer j.w.t"
    assert headers["X-PrivateKey"] == "my-key"
    assert headers["X-SourceID"] == "WEB"
    assert headers["X-UserType"] == "USER"
    assert headers["X-ClientPublicIP"] == "127.0.0.1"


def test_a_login_is_one_request_without_a_token(recorder: Recorder) -> None:
    AngelOneClient("my-key", "", recorder).generateSession("D1", "1234", "654321")
    (request,) = recorder.requests
    assert (request.method, request.path) == ("POST", "/rest/auth/angelbroking/user/v1/loginByPassword")
    assert json.loads(request.body) == {"clientcode": "D1", "password": "1234", "totp": "654321"}
    assert "Authorization" not in request.headers


def test_orders_go_to_the_official_routes_as_json(client: AngelOneClient, recorder: Recorder) -> None:
    client.placeOrderFullResponse({"ordertag": "T", "price": "1.00", "scripconsent": None})
    client.cancelOrder("77", "STOPLOSS")
    place, cancel = recorder.requests
    assert place.path == "/rest/secure/angelbroking/order/v1/placeOrder"
    assert json.loads(place.body) == {"ordertag": "T", "price": "1.00"}
    assert cancel.path == "/rest/secure/angelbroking/order/v1/cancelOrder"
    assert json.loads(cancel.body) == {"variety": "STOPLOSS", "orderid": "77"}


def test_reads_have_neither_a_query_nor_a_body(client: AngelOneClient, recorder: Recorder) -> None:
    client.orderBook()
    client.position()
    client.getProfile("refresh-token")
    assert [(r.method, r.path, r.body) for r in recorder.requests] == [
        ("GET", "/rest/secure/angelbroking/order/v1/getOrderBook", b""),
        ("GET", "/rest/secure/angelbroking/order/v1/getPosition", b""),
        ("GET", "/rest/secure/angelbroking/user/v1/getProfile", b""),
    ]


def test_order_details_take_the_same_way_and_cannot_leave_their_path(
    client: AngelOneClient, recorder: Recorder
) -> None:
    client.individual_order_details("../x?y=1")
    assert recorder.requests[0].path == "/rest/secure/angelbroking/order/v1/details/..%2Fx%3Fy%3D1"


def test_the_way_round_the_transport_is_closed(client: AngelOneClient) -> None:
    with pytest.raises(NotImplementedError):
        client.make_authenticated_get_request("https://apiconnect.angelone.in", "j.w.t")


def test_an_answer_that_is_no_answer_is_evidence_not_an_exception() -> None:
    evidence = Evidence(begun=True, http_status=200, body=b"<html>Request Rejected</html>")
    reply = AngelOneClient("k", "t", Recorder(evidence)).placeOrderFullResponse({"ordertag": "T"})
    assert reply["status"] is False
    assert reply["evidence"] is evidence


def test_secrets_are_not_in_the_text_of_a_request(client: AngelOneClient, recorder: Recorder) -> None:
    client.generateSession("D1", "4821", "654321")
    assert not any(secret in repr(recorder.requests[0]) for secret in ("my-key", "j.w.t", "4821", "654321"))
