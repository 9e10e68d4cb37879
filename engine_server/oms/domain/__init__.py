"""Pure decisions about orders: no I/O, no clock, no protobuf."""
