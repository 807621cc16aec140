"""The workers: run what follows from facts, and the upkeep. They take no requests and never import the hub."""
