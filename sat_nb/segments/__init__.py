"""Named masks of images: the container, how they are read, checked and written."""
