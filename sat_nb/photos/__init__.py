"""How photos are read: what a folder holds, the formats, the depth, the window."""
