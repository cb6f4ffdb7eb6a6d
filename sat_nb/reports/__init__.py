"""A report: one page about a table, in words and pictures, to hand over."""
