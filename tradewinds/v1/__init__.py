"""Generated from proto/tradewinds/v1 by `make proto`; never edited."""
