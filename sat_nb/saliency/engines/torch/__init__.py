"""The torch engine: exported PyTorch programs, and models of Keras 3 on PyTorch.

``commands`` answers the worker's requests. ``load`` turns a model file into a graph of ATen
operations, by ``program`` or ``keras3``; ``rewrite`` and ``affine`` bring it into the form that all
methods support, ``classifier`` separates the logits from what follows them, ``scaling`` finds what
only scales the input. ``gradients``, ``relevance`` (by ``rules``; ``combined`` makes one neuron of
several) and ``attention`` are the methods; ``operations`` and ``linear`` say what operations do.
``export`` runs in the caller's process: it makes a file of a live model.
"""
