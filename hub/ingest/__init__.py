"""Stages 4 and 5 of 9: gather batches of many streams, store them in one transaction, then acknowledge them."""
