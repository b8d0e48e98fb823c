"""Evidence: what schools hand in, what it supports, and who may look at it."""
