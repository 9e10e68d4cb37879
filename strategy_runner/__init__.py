"""Hosts strategies: one process each, a pipe to it, and a session to the engine. Imports nothing of other services."""
