"""Input-agnostic saliency: what a classifier looks for, without any photo."""
