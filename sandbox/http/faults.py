"""`/sandbox/faults`: let something go wrong, see what stands, take it away."""

from __future__ import annotations

import json

from aiohttp import web

from sandbox.faults.reading import BadFaultError, read_fault
from sandbox.http.envelope import BROKER

_PATH = "/sandbox/faults"

routes = web.RouteTableDef()


@routes.get(_PATH)
async def standing_faults(request: web.Request) -> web.Response:
    return web.json_response({"faults": request.app[BROKER].faults.standing()})


@routes.post(_PATH)
async def add_faults(request: web.Request) -> web.Response:
    """One fault or an array of them: all are added, or none. The answer has their ids; 400 says what is wrong."""
    try:
        given = json.loads(await request.read())
        wanted = [read_fault(one) for one in (given if isinstance(given, list) else [given])]
    except ValueError as e:
        problem = str(e) if isinstance(e, BadFaultError) else f"the body is not JSON: {e}"
        return web.json_response({"message": problem}, status=400)
    faults = request.app[BROKER].faults
    return web.json_response({"ids": [faults.add(one) for one in wanted]})


@routes.delete(_PATH)
async def clear_faults(request: web.Request) -> web.Response:
    """All of them."""
    return web.json_response({"removed": request.app[BROKER].faults.clear()})


@routes.delete(_PATH + "/{fault_id:[0-9]+}")
async def remove_fault(request: web.Request) -> web.Response:
    """One of them; 404 when it does not stand (any more)."""
    fault_id = int(request.match_info["fault_id"])
    if not request.app[BROKER].faults.remove(fault_id):
        return web.json_response({"message": f"no fault {fault_id} stands"}, status=404)
    return web.json_response({"removed": 1})
