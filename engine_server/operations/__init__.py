"""What operators look at: health, runners, broker accounts, audit."""
