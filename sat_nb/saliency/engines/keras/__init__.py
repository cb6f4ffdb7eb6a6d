"""How maps are computed: runs in the worker only, which is the one process that needs TensorFlow.

``graph`` is a model as a flat list of layers, ``rewrite`` brings models as people have them into
the layers that all methods know, ``heads`` ends them in logits, ``gradients`` and ``relevance``
are this project's methods, ``linear`` says what they need of layers with weights and ``strided`` of
first layers that stride over a photo; ``parity`` drives iNNvestigate's own.
"""

from __future__ import annotations
