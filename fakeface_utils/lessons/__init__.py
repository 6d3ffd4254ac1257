"""What the lessons call: set-up, exercise checks, recorded results."""
