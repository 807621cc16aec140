"""The live boards of exams, built from feeds and shared by all consoles of this hub."""
