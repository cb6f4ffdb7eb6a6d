"""Saliency maps of Keras image classifiers, by name of the method."""

from sat_nb.saliency.explain import explain
from sat_nb.saliency.methods import METHODS, PAPER_METHODS, PARITY_METHODS, Method
from sat_nb.saliency.preprocess import PREPROCESS
from sat_nb.saliency.runs import ImageFacts
from sat_nb.saliency.store import AttributionStore

__all__ = [
    "METHODS",
    "PAPER_METHODS",
    "PARITY_METHODS",
    "PREPROCESS",
    "AttributionStore",
    "ImageFacts",
    "Method",
    "explain",
]
