"""When which segment trades: our own versioned, editable table of phases, seeded and then the operator's (design §5.5)."""
