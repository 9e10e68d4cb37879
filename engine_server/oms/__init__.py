"""The order management system: one single writer per broker account, from PlaceOrder to the books."""
