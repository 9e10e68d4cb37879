"""PostgreSQL, the truth, and the connection to Redis, the nerve: models, migrations, connections, the
query helper.
"""
