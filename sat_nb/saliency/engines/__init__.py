"""What computes maps: an engine a folder."""
