"""The explorer: a table in a notebook, in views that lead from any number to its photos."""
