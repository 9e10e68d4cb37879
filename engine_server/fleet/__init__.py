"""The fleet: what shall run, who runs it, and what came of it."""
