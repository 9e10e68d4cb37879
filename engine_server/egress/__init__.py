"""The one way out to the broker: a CONNECT proxy that knows an account and an epoch, and no secret."""
