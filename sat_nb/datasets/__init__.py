"""Data sets: a toy for examples, and rendered horses and zebras for the watermark study."""
