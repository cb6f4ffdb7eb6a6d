"""Segment Attribution Tables in Jupyter: what does this image classifier look at?

    images, segments = sat_nb.read_images("photos/"), sat_nb.read_segments("exports/")
    maps = sat_nb.explain("model.h5", images, methods=sat_nb.PAPER_METHODS, preprocess="caffe")
    table = sat_nb.build(maps, segments)

The public names stand in ``__init__.pyi`` and are loaded when they are first used, so that
``import sat_nb`` is quick.
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
