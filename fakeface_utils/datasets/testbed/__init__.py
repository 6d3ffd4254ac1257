"""The testbed: portraits drawn by the kit, with known truth, laid out as the two Kaggle sets.

A number measured here says how the code behaves, never how well real fakes are detected.
"""

from .attributes import Attributes, draw_attributes
from .camera import generate, photograph
from .portrait import portrait
from .sample import attributes_of, is_current, load_attributes, make_sample, read_mask, read_twin
from .spec import SampleSpec, Truths, default_specs
from .splice import splice

__all__ = [
    "Attributes",
    "SampleSpec",
    "Truths",
    "attributes_of",
    "default_specs",
    "draw_attributes",
    "generate",
    "is_current",
    "load_attributes",
    "make_sample",
    "photograph",
    "portrait",
    "read_mask",
    "read_twin",
    "splice",
]
