"""The CampusGauge agent: measures a school's network from a host inside it."""

from rubrics import __version__

__all__ = ["__version__"]
