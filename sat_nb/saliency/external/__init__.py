"""Maps of other tools."""
