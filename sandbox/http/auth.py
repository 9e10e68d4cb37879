"""Login, tokens, profile, logout."""

from __future__ import annotations

from aiohttp import web

from sandbox.errors import RefusedError
from sandbox.faults.names import FaultName
from sandbox.http.endpoints import GENERATE_TOKENS, GET_PROFILE, LOGIN, LOGOUT
from sandbox.http.envelope import BODY, BROKER, SESSION, success

routes = web.RouteTableDef()


@LOGIN.served_by(routes)
async def login(request: web.Request) -> web.Response:
    body, broker = request[BODY], request.app[BROKER]
    if request.headers.get("X-UserType", "USER") != "USER":
        raise RefusedError("AB1005", "User Type Must Be USER")
    if broker.faults.take(FaultName.TOTP_REJECT, request.path):
        raise RefusedError("AB1050", "Invalid totp")
    given = [str(body.get(name) or "") for name in ("clientcode", "password", "totp")]
    tokens = broker.sessions.login(*given)
    return success({**tokens.data(), "state": str(body.get("state") or "")})


@GENERATE_TOKENS.served_by(routes)
async def generate_tokens(request: web.Request) -> web.Response:
    tokens = request.app[BROKER].sessions.renew(str(request[BODY].get("refreshToken") or ""))
    return success(tokens.data())


@GET_PROFILE.served_by(routes)
async def get_profile(request: web.Request) -> web.Response:
    """The segment names and keys are the captured ones, not those of the documentation; so are products that are not sold."""
    broker = request.app[BROKER]
    client_code = broker.settings.credentials.client_code
    return success(
        {
            "clientcode": client_code,
            "name": f"SANDBOX {client_code}",
            "email": "",
            "mobileno": "",
            "exchanges": broker.exchanges,
            "products": ["BO", "NRML", "CO", "CNC", "MIS", "MARGIN"],
            "lastlogintime": "",
            "broker": "",
        }
    )


@LOGOUT.served_by(routes)
async def logout(request: web.Request) -> web.Response:
    """Ends this session's REST access; sockets that are open stay open, as has been seen at the broker."""
    request.app[BROKER].sessions.logout(request[SESSION])
    return success("")
