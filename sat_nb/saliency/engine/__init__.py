"""How maps are computed: runs in the worker only, which is the one process that needs TensorFlow.

``graph`` is a model as a flat list of layers, ``rewrite`` brings models as people have them into
the layers that all methods know, ``heads`` ends them in logits, ``gradients`` and ``relevance``
are this project's methods, ``parity`` drives iNNvestigate's own.
"""
