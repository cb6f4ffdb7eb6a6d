"""Pretrained models whose weights come as packages."""
