"""What programs say to each other: frames, facts, flags, jobs, codes, limits and names.

Pure: the standard library and msgspec. Nothing here opens, waits, draws or looks at a clock.
"""
