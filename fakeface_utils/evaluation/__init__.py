"""Numbers with intervals, and figures with one look."""
