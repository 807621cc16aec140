"""PostgreSQL and Redis: tables, migrations, queries, notifications and jobs.

Draws no conclusions from events. No SQL is written outside `db/queries`.
"""
