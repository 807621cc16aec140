"""The workers: evaluation, analysis, deadlines and maintenance. They serve no requests and never import the hub."""
