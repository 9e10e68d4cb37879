"""The part of Operations that proves and hands out the audit log: protobuf to domain and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.operations import audit_chain
from engine_server.operations.audit_chain import Head
from engine_server.operations.audit_export import Period, exported
from tradewinds import auth
from tradewinds.database.session import Database
from tradewinds.v1 import operations_pb2 as pb


class AuditRpcs:
    """The rpcs of `Operations` around the audit log."""

    _database: Database

    async def VerifyAuditLog(  # noqa: N802 - proto's name
        self, request: pb.VerifyAuditLogRequest, context: Any
    ) -> pb.VerifyAuditLogResponse:
        """Walk through every chain."""
        noted = [Head(head.stream, head.sequence, head.hash) for head in request.heads]
        verdict = await audit_chain.verify(self._database, noted)
        problem = verdict.problem
        return pb.VerifyAuditLogResponse(
            checked=verdict.checked,
            heads=[pb.AuditHead(stream=head.stream, sequence=head.sequence, hash=head.hash) for head in verdict.heads],
            problem=None
            if problem is None
            else pb.AuditProblem(
                stream=problem.stream, sequence=problem.sequence, audit_id=problem.audit_id, what=problem.what
            ),
        )

    async def ExportAuditLog(  # noqa: N802
        self, request: pb.ExportAuditLogRequest, context: Any
    ) -> AsyncIterator[pb.ExportAuditLogResponse]:
        """Batches, oldest first."""
        caller = auth.principal()
        period = Period(
            request.start.ToDatetime(tzinfo=UTC) if request.HasField("start") else None,
            request.end.ToDatetime(tzinfo=UTC) if request.HasField("end") else None,
            request.account_id,
            None if caller.sees_everything else caller.subject,
        )
        async for rows in exported(self._database, period):
            yield pb.ExportAuditLogResponse(audit_records=[_record(row) for row in rows])


def _record(row: Mapping[str, Any]) -> pb.AuditRecord:
    return pb.AuditRecord(**{**row, "recorded_at": _timestamp(row["recorded_at"])})


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
