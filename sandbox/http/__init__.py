"""The REST side: one file per group of routes, and the envelope they all answer in."""
