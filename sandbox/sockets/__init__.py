"""The two WebSockets: market ticks (binary) and order updates (text)."""
