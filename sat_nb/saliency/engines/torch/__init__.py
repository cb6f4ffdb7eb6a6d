"""The torch engine: exported PyTorch programs, and models of Keras 3 on PyTorch.

``commands`` answers the worker's requests. ``read`` turns a model file into a graph of ATen
operations, ``program`` one of an exported program; ``rewrite`` brings it into the form that all
methods support, ``classifier`` separates the logits from what follows them. ``gradients``,
``relevance`` and ``attention`` are the methods; ``operations`` and ``linear`` say what operations
do. ``export`` runs in the caller's process: it makes a file of a live model.
"""
