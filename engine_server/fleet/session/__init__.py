"""One runner's session: what comes in, what goes out, and what keeps both in step."""
