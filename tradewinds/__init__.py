"""Tradewinds: a live-trading engine. The package holds the kernel, the contracts, the SDK, the client and the CLI."""
