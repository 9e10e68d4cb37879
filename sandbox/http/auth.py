"""Login, tokens, profile, logout."""

from __future__ import annotations

from aiohttp import web

from sandbox.http.envelope import BODY, BROKER, SESSION, success

_AUTH = "/rest/auth/angelbroking"
_USER = "/rest/secure/angelbroking/user/v1"

routes = web.RouteTableDef()


@routes.post(f"{_AUTH}/user/v1/loginByPassword")
async def login(request: web.Request) -> web.Response:
    body = request[BODY]
    given = [str(body.get(name) or "") for name in ("clientcode", "password", "totp")]
    tokens = request.app[BROKER].sessions.login(*given)
    return success({**tokens.data(), "state": str(body.get("state") or "")})


@routes.post(f"{_AUTH}/jwt/v1/generateTokens")
async def generate_tokens(request: web.Request) -> web.Response:
    tokens = request.app[BROKER].sessions.renew(str(request[BODY].get("refreshToken") or ""))
    return success(tokens.data())


@routes.get(f"{_USER}/getProfile")
async def get_profile(request: web.Request) -> web.Response:
    """The segment names and keys are the captured ones, not those of the documentation."""
    client_code = request.app[BROKER].settings.credentials.client_code
    return success(
        {
            "clientcode": client_code,
            "name": f"SANDBOX {client_code}",
            "email": "",
            "mobileno": "",
            "exchanges": ["nse_cm"],
            "products": ["NRML", "CNC", "MIS", "MARGIN"],
            "lastlogintime": "",
            "broker": "",
        }
    )


@routes.post(f"{_USER}/logout")
async def logout(request: web.Request) -> web.Response:
    """Ends this session's REST access; sockets that are open stay open, as has been seen at the broker."""
    request.app[BROKER].sessions.logout(request[SESSION])
    return success("")
