"""Decisions of the fleet as pure functions: no I/O, no clock, no protobuf."""
