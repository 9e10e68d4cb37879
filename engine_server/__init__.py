"""The engine: public API, fleet, order management, broker, feed and egress, each a capability in its own folder."""
