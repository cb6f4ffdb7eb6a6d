"""The explorer: a table in a notebook, to toggle, see and drill into."""
