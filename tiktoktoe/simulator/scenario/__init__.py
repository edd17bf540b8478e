"""The file: what may be written in it, and where in it something stands. Pure Python."""
