"""Masks checked before they mislead."""
