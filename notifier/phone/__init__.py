"""Commands from a telephone: a Telegram chat that somebody has allowed, with a PIN, through the rpcs and roles that everybody has."""
