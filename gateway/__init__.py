"""The gateway: Envoy in front of the engine and the notifier; REST, SSE and native gRPC on one port."""
