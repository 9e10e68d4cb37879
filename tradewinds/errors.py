"""Every error that leaves a service, and the ONE table that maps it to a gRPC code and a stable reason.

Nobody parses messages: callers branch on `reason`. The message says what was wrong, with which value, and what to do.
REST callers see the same through the gateway as `{"code", "message", "details": [ErrorInfo, BadRequest]}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "tradewinds"


@dataclass(frozen=True)
class FieldViolation:
    """One bad field of a request: its path (`config.symbols[1]`) and what to do about it."""

    field: str
    description: str


class TradewindsError(Exception):
    """An internal error happened; it was logged with this request's id."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str | None = None,
        *,
        reason: str | None = None,
        violations: tuple[FieldViolation, ...] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.message = str(self)
        self.reason = reason or type(self).reason
        self.violations = violations
        self.metadata = dict(metadata or {})


class ConfigurationError(TradewindsError):
    """A setting is wrong or missing; the process did not start."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CONFIGURATION"


class InvalidArgumentError(TradewindsError):
    """The request was refused: a field is wrong."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"

    @classmethod
    def field(cls, field: str, description: str, *, reason: str | None = None) -> InvalidArgumentError:
        """The usual case: exactly one field is wrong."""
        return cls(f"{field}: {description}", reason=reason, violations=(FieldViolation(field, description),))


class NotFoundError(TradewindsError):
    """No such resource, or it belongs to somebody else."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"

    @classmethod
    def field(cls, field: str, description: str) -> NotFoundError:
        """What the caller named in `field` is not there, for them; the description says where they find what is."""
        return cls(f"{field}: {description}", violations=(FieldViolation(field, description),))


class AlreadyExistsError(TradewindsError):
    """A resource of this id exists already."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


class RequestIdReusedError(InvalidArgumentError):
    """This request_id was used before with another body; take a new one."""

    reason = "REQUEST_ID_REUSED"


class UnauthenticatedError(TradewindsError):
    """A valid bearer token is needed; `tradewinds token` prints one."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDeniedError(TradewindsError):
    """None of the token's roles may do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class PreconditionError(TradewindsError):
    """The system is not in a state in which this can be done."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class LeaseSupersededError(TradewindsError):
    """This strategy's lease has a newer epoch: another process holds it now."""

    code = grpc.StatusCode.ABORTED
    reason = "LEASE_SUPERSEDED"


class UnavailableError(TradewindsError):
    """A part that is needed does not answer; try again."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"


class NotBuiltError(TradewindsError):
    """This is not there yet."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "NOT_THERE_YET"


def to_status(error: TradewindsError) -> status_pb2.Status:
    """The rich status of an error: ErrorInfo always, BadRequest where fields are to blame."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    details = [_packed(info)]
    if error.violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad_request.field_violations.add(field=violation.field, description=violation.description)
        details.append(_packed(bad_request))
    return status_pb2.Status(code=error.code.value[0], message=error.message, details=details)


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


async def abort(context: grpc.aio.ServicerContext, error: TradewindsError) -> NoReturn:
    """End the rpc with `error` as its rich status."""
    await context.abort_with_status(rpc_status.to_status(to_status(error)))
    raise AssertionError("abort_with_status always raises")


_CLASS_OF_CODE: dict[grpc.StatusCode, type[TradewindsError]] = {
    cls.code: cls
    for cls in (
        InvalidArgumentError,
        NotFoundError,
        AlreadyExistsError,
        UnauthenticatedError,
        PermissionDeniedError,
        PreconditionError,
        LeaseSupersededError,
        UnavailableError,
        NotBuiltError,
    )
}


def from_rpc_error(error: grpc.aio.AioRpcError) -> TradewindsError:
    """The typed error behind a failed call, with reason, metadata and field violations restored."""
    cls = _CLASS_OF_CODE.get(error.code(), TradewindsError)
    status = rpc_status.from_call(error)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details if status is not None else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            detail.Unpack(bad_request)
    violations = tuple(FieldViolation(v.field, v.description) for v in bad_request.field_violations)
    return cls(
        error.details() or None,
        reason=info.reason or None,
        violations=violations,
        metadata=dict(info.metadata),
    )
