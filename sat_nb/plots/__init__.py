"""Plots of finished results: each takes a result and axes, draws, and returns the axes.

Plots of several panels take and return a figure.
"""
