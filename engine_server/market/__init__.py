"""What people are shown of the market: live quotes, option chains, the state of the feed."""
