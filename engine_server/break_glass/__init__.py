"""Stop an account from the egress node with PostgreSQL, Redis and every engine dead."""
