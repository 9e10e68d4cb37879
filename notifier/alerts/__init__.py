"""Price alerts: kept in PostgreSQL, judged in memory by one replica, each fire committed before anybody is told."""
