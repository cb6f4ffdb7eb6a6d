"""Studies: data -> models -> maps -> table -> result, as functions that notebooks call."""
