"""What is remembered: tables, migrations, and every SQL statement of the project.

Nothing here concludes anything; nothing outside `db/queries` writes SQL.
"""
