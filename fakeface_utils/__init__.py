"""What the fakeface lessons import: data, forensics, evaluation and the teaching machinery.

Fake is 1 and every score is P(fake), everywhere.
"""

import os

# TensorFlow greets with lines about its build that no learner can act on. Warnings still come through.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

__version__ = "0.1.0"
