"""Phases, days and what follows from them: pure."""
