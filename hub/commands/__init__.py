"""Commands of teachers, from the console socket and from REST."""
