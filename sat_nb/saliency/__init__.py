"""Saliency maps of image classifiers, by name of the method."""
