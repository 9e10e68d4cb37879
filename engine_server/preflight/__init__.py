"""`tradewinds broker check`: read-only proof that a real account is ready, before money passes through it."""
