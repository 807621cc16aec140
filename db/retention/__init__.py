"""What is kept about persons, for how long, and what holds it; and deletions in steps."""
