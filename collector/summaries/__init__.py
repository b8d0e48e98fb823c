"""Keeps a summary of every school's sheet current, so that county pages never score on a look."""
