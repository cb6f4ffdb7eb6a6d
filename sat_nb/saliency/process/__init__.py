"""The process in which an engine runs, and how it is talked to."""
