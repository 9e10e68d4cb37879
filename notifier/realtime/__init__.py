"""The live path: one Redis stream per user shard, read by every replica, routed in memory, resumable by one cursor."""
