"""What the exchanges list on a market day: shares, indices, and the contracts on them."""
