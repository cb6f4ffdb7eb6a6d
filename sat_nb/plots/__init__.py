"""Pictures of finished results: each takes a result and axes, draws, and returns the axes.

Pictures of several panels take and return a figure.
"""
