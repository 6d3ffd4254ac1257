"""What builds, checks and runs the lessons. Nothing here is imported by a lesson."""
