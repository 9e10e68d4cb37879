"""Bars as pure decisions: ticks in, bars out; no clock, no store, no wire."""
