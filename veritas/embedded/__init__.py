"""PostgreSQL and Valkey as child processes of one supervisor."""
