"""The shared vocabulary of all programs: frames, events, flags, jobs, codes, limits and names.

Pure: the standard library and msgspec only. Nothing here does I/O, waits, draws random numbers or reads a clock.
"""
