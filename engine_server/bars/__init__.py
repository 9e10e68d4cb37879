"""Bars: built from ticks, stored, back-filled from the broker's candles, and read."""
