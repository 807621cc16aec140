"""Stages 4 and 5 of 9: batches of many streams gather, one transaction stores them, then they are acknowledged."""
