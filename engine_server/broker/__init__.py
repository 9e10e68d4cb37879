"""The broker behind a small typed port; `angel_one` is the adapter."""
