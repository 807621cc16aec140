"""One command per figure: measured as ratios against a baseline in the same run, never asserted as times."""
