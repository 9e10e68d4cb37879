"""The parts that `tradewinds up` runs on one machine, from wheels. Services never import this package."""
