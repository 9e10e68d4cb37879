"""Domain objects as protobuf messages, for the servicers and the runners' sessions."""
