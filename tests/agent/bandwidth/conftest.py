"""The lab that builds shaped lines, for the engine's tests and those of its back ends."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="session")
def netlab() -> ModuleType:
    """Return the module that builds shaped lines."""
    spec = importlib.util.spec_from_file_location("netlab", BENCHMARKS / "netlab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["netlab"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
