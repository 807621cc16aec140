"""The live board of an exam: built from the feed, shared by all consoles of this hub."""
