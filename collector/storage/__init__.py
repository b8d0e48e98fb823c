"""Stores: the protocols in `ports`, one module or package per engine."""
