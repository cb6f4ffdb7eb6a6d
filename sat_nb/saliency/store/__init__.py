"""Maps kept by method and image, in memory or in a folder."""
