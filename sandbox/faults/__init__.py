"""Faults on demand: what may go wrong, when it does, and the record that it did."""
