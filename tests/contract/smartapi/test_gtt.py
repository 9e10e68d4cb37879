"""Good-till-triggered rules, by the stock client: their life, their refusals, and the order that one becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.smartapi.stock import BELOW, SBIN, StockClient
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

RULE = {
    **SBIN,
    "transactiontype": "BUY",
    "producttype": "DELIVERY",
    "price": BELOW,
    "qty": 10,
    "triggerprice": BELOW,
    "disclosedqty": 0,
    "timeperiod": 30,
}
KEYS = [
    *("status", "createddate", "updateddate", "expirydate", "clientid", "id", "tradingsymbol", "symboltoken"),
    *("exchange", "transactiontype", "producttype", "price", "triggerprice", "qty", "disclosedqty"),
]


async def test_a_rule_is_created_changed_listed_and_cancelled(client: StockClient) -> None:
    rule_id = await client.call("gttCreateRule", RULE)
    assert isinstance(rule_id, int)
    details = await client.data("gttDetails", rule_id)
    assert list(details) == KEYS
    assert (details["status"], details["price"], details["qty"]) == ("NEW", float(BELOW), 10)
    assert details["expirydate"] > details["createddate"]
    assert await client.call("gttModifyRule", {**RULE, "id": rule_id, "qty": 20}) == rule_id
    listed = await client.data("gttLists", ["NEW"], 1, 10)
    assert [(rule["id"], rule["qty"]) for rule in listed] == [(rule_id, 20)]
    cancelled = await client.data("gttCancelRule", {"id": rule_id, "symboltoken": "3045", "exchange": "NSE"})
    assert cancelled == {"id": rule_id}
    assert (await client.data("gttDetails", rule_id))["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exchange": "NFO"}, "AB9010"),
        ({"symboltoken": "1"}, "AB9011"),
        ({"tradingsymbol": "SBIN"}, "AB9012"),
        ({"transactiontype": "HOLD"}, "AB9014"),
        ({"producttype": "INTRADAY"}, "AB9015"),
        ({"price": "x"}, "AB9008"),
        ({"triggerprice": 0}, "AB9009"),
        ({"qty": 0}, "AB9006"),
        ({"disclosedqty": -1}, "AB9007"),
        ({"timeperiod": 400}, "AB9016"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused_with_the_brokers_code(
    client: StockClient, change: dict[str, Any], code: str
) -> None:
    answer = await client.call("_postRequest", "api.gtt.create", {**RULE, **change})
    assert (answer["status"], answer["errorcode"]) == (False, code)


async def test_a_rule_that_is_reached_becomes_an_order_also_after_a_restart(
    connect_to: Any, fresh_sandbox: SandboxProcess
) -> None:
    client = connect_to(fresh_sandbox)
    await client.login()
    waiting = await client.call("gttCreateRule", {**RULE, "triggerprice": "700.00", "price": "701.00"})
    ltp = (await client.data("ltpData", "NSE", "SBIN-EQ", "3045"))["ltp"]
    reached = await client.call(
        "gttCreateRule", {**RULE, "triggerprice": f"{ltp - 0.1:.1f}", "price": f"{ltp + 10:.1f}"}
    )

    async def bought() -> bool:
        rows = await client.data("orderBook") or []
        return any(row["producttype"] == "DELIVERY" and row["status"] == "complete" for row in rows)

    await eventually(bought, timeout=60, interval=0.5)
    assert (await client.data("gttDetails", reached))["status"] == "SENTTOEXCHANGE"
    await fresh_sandbox.kill()
    await fresh_sandbox.restart()
    again = connect_to(fresh_sandbox)
    await again.login()
    statuses = {rule["id"]: rule["status"] for rule in await again.data("gttLists", ["FORALL"], 1, 10)}
    assert statuses == {waiting: "NEW", reached: "SENTTOEXCHANGE"}
