"""What a language model may add after an attempt has ended: words that cite facts, and never a score or a decision."""
