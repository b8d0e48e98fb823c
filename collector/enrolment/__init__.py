"""Enrolment: one-time codes become agents' keys."""
