"""`python -m engine_server egress`: the proxy, health and metrics of one process."""

from __future__ import annotations

from engine_server.egress.fences import Fences
from engine_server.egress.proxy import EgressProxy
from engine_server.egress.settings import EgressSettings
from tradewinds.config import load
from tradewinds.grpc_server import GrpcServer
from tradewinds.service import Service, log_settings, serve_metrics


async def main(service: Service) -> None:
    """Serve until the process is told to stop, then cut every tunnel."""
    settings = load(EgressSettings)
    log_settings(settings)
    proxy, health = EgressProxy(settings.targets(), Fences(settings.state_dir)), GrpcServer()
    try:
        egress_address = await proxy.start(service.settings.host, settings.port)
        grpc_address = await health.start(service.settings.host, settings.grpc_port, ())
        metrics_port = serve_metrics(service)
        service.ready(egress=egress_address, grpc=grpc_address, metrics=f"{service.settings.host}:{metrics_port}")
        await service.run_until_stopped()
    finally:
        await health.stop()
        await proxy.stop()
