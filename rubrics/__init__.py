"""Official rubrics as data, and the pure engine that scores a case file against them.

A leaf package: it imports neither the agent nor the collector, and both may read it.
"""

__version__ = "0.1.0"
