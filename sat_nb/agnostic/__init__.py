"""Input-agnostic saliency: what a classifier attributes to a label, asked without any image."""

from sat_nb.agnostic.saliency import InputAgnosticSaliency, input_agnostic_saliency
from sat_nb.agnostic.signatures import class_signatures

__all__ = ["InputAgnosticSaliency", "class_signatures", "input_agnostic_saliency"]
