"""Split a frame that cannot be decoded as a whole, so that each event can be decoded alone (docs/wire/README.md).

A lone surrogate or too deep a nesting makes a decoder fail on the whole frame. These modules only find where values
begin and end; they never decode one.
"""
