"""Files, indexes, splits and pipelines. Nothing here loads TensorFlow but ``pipeline`` and ``augment``."""
