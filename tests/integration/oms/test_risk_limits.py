"""Risk limits as people change them: tighter at once, looser after approvals and a cool-off; admission knows within moments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from engine_server.oms.risk_decisions import DecisionPolicy
from tests.integration.oms.engine import Engine, MemoryFence, add_strategy
from tests.integration.oms.risk_server import Operations, serving_operations
from tests.support.waiting import eventually
from tradewinds import auth, errors
from tradewinds.v1 import risk_pb2 as pb


@pytest.fixture
async def operations(engine: Engine, tmp_path: Path) -> AsyncIterator[Operations]:
    async with serving_operations(engine, tmp_path, MemoryFence()) as operations:
        yield operations


async def update(operations: Operations, who: tuple[Any, ...], limit_id: str = "account-ACC1", **values: str) -> Any:
    request = pb.UpdateRiskLimitRequest(
        risk_limit=pb.RiskLimit(limit_id=limit_id, **values),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=list(values)),
        reason="drill",
    )
    return await operations.stub.UpdateRiskLimit(request, metadata=who)


async def failure(call: Any) -> errors.TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return errors.from_rpc_error(raised.value)


async def test_a_tighter_limit_is_in_force_at_once_and_audited(engine: Engine, operations: Operations) -> None:
    changed = await update(operations, operations.as_("asha"), max_order_value="13999")
    assert (changed.max_order_value, changed.in_force["max_order_value"]) == ("13999", "13999")
    assert list(changed.pending) == []

    async def denied() -> bool:
        return (await engine.place()).reason == "RISK_ORDER_VALUE"

    await eventually(denied, what="admission knows the limit")
    (row,) = await engine.rows("SELECT actor, reason, before, after FROM audit_log WHERE action = 'risk_limit.update'")
    assert (row["actor"], row["reason"]) == ("asha", "drill")
    assert row["before"] == {"max_order_value": None}
    assert row["after"] == {"max_order_value": "13999"}


async def test_a_looser_limit_waits_for_its_cool_off_and_needs_the_role(engine: Engine, operations: Operations) -> None:
    await update(operations, operations.as_("asha"), max_order_value="13999")
    refused = await failure(update(operations, operations.as_("asha"), max_order_value="20000"))
    assert refused.reason == "PERMISSION_DENIED"
    assert "max_order_value" in refused.message
    ops = operations.as_("ops", auth.OPERATOR)
    waiting = await update(operations, ops, max_order_value="20000", max_order_quantity="50")
    assert (waiting.in_force["max_order_value"], waiting.max_order_quantity) == ("13999", "50")  # tightened at once
    (decision,) = waiting.pending
    assert (dict(decision.changes), list(decision.approvals)) == ({"max_order_value": "20000"}, ["ops"])

    async def in_force() -> bool:
        got = await operations.stub.GetRiskLimit(pb.GetRiskLimitRequest(limit_id="account-ACC1"), metadata=ops)
        return got.max_order_value == "20000" and not got.pending

    await eventually(in_force, what="the cool-off is over")
    audited = await engine.rows("SELECT action FROM audit_log WHERE subject_type = 'risk_decision' ORDER BY audit_id")
    assert [row["action"] for row in audited] == ["risk_decision.request", "risk_decision.apply"]


async def test_a_later_change_of_the_same_limit_has_the_last_word(engine: Engine, operations: Operations) -> None:
    ops = operations.as_("ops", auth.OPERATOR)
    await update(operations, ops, max_order_value="13999")
    await update(operations, ops, max_order_value="20000")
    changed = await update(operations, ops, max_order_value="1000")
    assert (list(changed.pending), changed.max_order_value) == ([], "1000")


async def test_two_approvals_are_two_people(engine: Engine, tmp_path: Path) -> None:
    async with serving_operations(engine, tmp_path, MemoryFence(), policy=DecisionPolicy(2, 0)) as operations:
        ops, admin = operations.as_("ops", auth.OPERATOR), operations.as_("boss", auth.ADMIN)
        await update(operations, ops, "global", max_order_value="1000")
        (decision,) = (await update(operations, ops, "global", max_order_value="2000")).pending
        request = pb.ApproveRiskDecisionRequest(decision_id=decision.decision_id)
        again = await operations.stub.ApproveRiskDecision(request, metadata=ops)
        assert list(again.approvals) == ["ops"]
        approved = await operations.stub.ApproveRiskDecision(request, metadata=admin)
        assert list(approved.approvals) == ["ops", "boss"]

        async def applied() -> bool:
            (row,) = await engine.rows(
                "SELECT value FROM risk_limits WHERE name = 'max_order_value' AND scope = 'GLOBAL'"
            )
            return bool(row["value"] == 2000)

        await eventually(applied, what="it is applied")
        assert (await failure(operations.stub.ApproveRiskDecision(request, metadata=admin))).reason == "DECISION_ENDED"


async def test_a_withdrawn_decision_is_never_applied(engine: Engine, tmp_path: Path) -> None:
    async with serving_operations(engine, tmp_path, MemoryFence(), policy=DecisionPolicy(2, 0)) as operations:
        ops = operations.as_("ops", auth.OPERATOR)
        await update(operations, ops, max_order_value="1000")
        (decision,) = (await update(operations, ops, max_order_value="2000")).pending
        request = pb.WithdrawRiskDecisionRequest(decision_id=decision.decision_id, reason="no")
        withdrawn = await operations.stub.WithdrawRiskDecision(request, metadata=ops)
        assert withdrawn.state == pb.RISK_DECISION_STATE_WITHDRAWN
        approve = pb.ApproveRiskDecisionRequest(decision_id=decision.decision_id)
        late = await failure(operations.stub.ApproveRiskDecision(approve, metadata=operations.as_("boss", auth.ADMIN)))
        assert late.reason == "DECISION_ENDED"


@pytest.mark.parametrize(
    ("limit_id", "values", "field"),
    [
        ("account-ACC1", {"max_order_value": "-1"}, "risk_limit.max_order_value"),
        ("account-ACC1", {"max_order_value": "NaN"}, "risk_limit.max_order_value"),
        ("account-ACC1", {"max_order_value": "1e99"}, "risk_limit.max_order_value"),
        ("account-ACC1", {}, "update_mask"),
        ("nonsense", {"max_order_value": "1"}, "limit_id"),
    ],
)
async def test_what_is_no_limit_is_refused_by_name(
    operations: Operations, limit_id: str, values: dict[str, str], field: str
) -> None:
    refused = await failure(update(operations, operations.as_("ops", auth.OPERATOR), limit_id, **values))
    assert [violation.field for violation in refused.violations] == [field]


async def test_everybody_sees_their_own_limits_with_what_is_used(engine: Engine, operations: Operations) -> None:
    await add_strategy(engine.database, capital=Decimal(50_000))
    await engine.place_for("momo", 1, price=Decimal(1400))
    listed = await operations.stub.ListRiskLimits(pb.ListRiskLimitsRequest(), metadata=operations.as_("asha"))
    by_id = {limit.limit_id: limit for limit in listed.risk_limits}
    assert list(by_id) == ["global", "account-ACC1", "strategy-momo"]
    assert by_id["strategy-momo"].usage["max_gross_exposure"] == "14000"
    assert by_id["account-ACC1"].usage["max_open_orders"] == "1"
    assert by_id["strategy-momo"].usage["max_orders_per_minute"] == "1"
    assert by_id["account-ACC1"].usage["max_orders_per_trade"] == "1"
    assert by_id["strategy-momo"].usage["max_repeated_entries"] == "1"
    momo = by_id["strategy-momo"]
    assert (momo.in_force["capital_allocated"], momo.usage["capital_allocated"]) == ("50000", "14000")
    assert by_id["strategy-momo"].in_force["max_unknown_orders"] == "3"
    ravi = operations.as_("ravi")
    request = pb.GetRiskLimitRequest(limit_id="account-ACC1")
    assert (await failure(operations.stub.GetRiskLimit(request, metadata=ravi))).reason == "NOT_FOUND"
    assert (await failure(update(operations, ravi, max_order_value="1"))).reason == "NOT_FOUND"


async def test_a_strategy_that_enters_again_and_again_only_reduces_until_a_person_has_looked(engine: Engine) -> None:
    await add_strategy(engine.database)
    await engine.database.pool.execute(
        "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ('STRATEGY', 'momo', 'max_repeated_entries', 2)"
    )

    async def ran_away() -> bool:
        return (await engine.place_for("momo", 1)).reason == "REPEAT_THROTTLE"

    await eventually(ran_away, what="the throttle")

    async def disabled() -> bool:
        return (await engine.place_for("momo", 1)).reason == "TRADING_REDUCE_ONLY"

    await eventually(disabled, what="the strategy is disabled")
    (kill,) = await engine.rows("SELECT scope, subject_id, action, engaged_by, reason FROM kill_switches")
    assert (kill["scope"], kill["subject_id"], kill["action"]) == ("STRATEGY", "momo", "REDUCE_ONLY")
    assert kill["engaged_by"] == "risk"
    assert "REPEAT_THROTTLE" in kill["reason"]
    assert (await engine.place()).state == "SUBMITTING"  # the others go on
