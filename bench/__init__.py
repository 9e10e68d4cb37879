"""Benchmarks, each beside its ceiling. See README.md."""
