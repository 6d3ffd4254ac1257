"""Training: a model a learner made (``fit``), and experiments that run once and leave a record (``experiment``)."""
