"""Uninterruptible power supplies, however they are asked."""
