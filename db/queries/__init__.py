"""Every SQL statement of the project, named; functions never commit, their callers do at the edge."""
