"""Segment Attribution Tables: the join of maps and masks, and what is read off it."""
