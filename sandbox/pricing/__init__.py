"""Prices as functions of time: whoever asks for the same instant, live or years later, gets the same answer."""
