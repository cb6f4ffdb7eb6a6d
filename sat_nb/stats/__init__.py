"""How certain a table's findings are: intervals, tests, agreement, controls."""
