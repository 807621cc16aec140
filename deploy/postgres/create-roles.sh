#!/bin/sh
# Creates the roles of Veritas and sets their passwords. The image of PostgreSQL runs it at the first start, as the
# superuser; run it by hand to move an older database to roles (docs/operations.md). May be repeated.
set -eu

psql --set ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-veritas}" \
  --file "${VERITAS_ROLES_SQL:-/etc/veritas/roles.sql}"
# The passwords go through the input of psql: a command line can be read by other processes.
psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-veritas}" <<SQL
ALTER ROLE veritas_owner LOGIN PASSWORD '$VERITAS_OWNER_PASSWORD';
ALTER ROLE veritas_hub LOGIN PASSWORD '$VERITAS_HUB_PASSWORD';
ALTER ROLE veritas_worker LOGIN PASSWORD '$VERITAS_WORKER_PASSWORD';
SQL
