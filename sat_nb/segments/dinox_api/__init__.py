"""Masks from the DINO-X detection API."""
