"""Risk rules: small pure functions, each may deny an order with a reason. One file per concept; `rules.py` puts them together."""
