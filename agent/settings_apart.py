"""Reads the settings for the steady process without leaving anything behind in it.

Reading them takes dacite, tomllib and the modules of all probes, the heavy ones included: 3 MiB
that nobody needs again. A copy of this process (fork) reads, answers through a pipe and is gone.
Where there is no fork, or threads that it would cut off, the settings are read here.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from agent.config import ConfigError, load_settings
from agent.probes.base import Cost
from agent.settings import Settings

Answer = Settings | ConfigError | ModuleNotFoundError


def load_settings_apart(config_file: Path | None) -> Settings:
    """Return what `load_settings` returns, and raise what it raises.

    `own` is None for probes that this process does not run itself: a heavy probe's child reads the
    settings anew. Probes that have nothing to observe because nobody set them are left out. Raises
    RuntimeError where the copy of this process ended without an answer (out of memory, killed).
    """
    return begin_reading(config_file)()


def begin_reading(config_file: Path | None) -> Callable[[], Settings]:
    """Begin, and return what waits for the end: this process can do something else meanwhile."""
    if sys.platform == "win32" or threading.active_count() > 1:
        return partial(load_settings, config_file, all_probes=False)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(writer, config_file)
    os.close(writer)
    return partial(_answered, reader, child)


def _answered(reader: int, child: int) -> Settings:
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RuntimeError("the settings could not be read: the process reading them ended")
    given: Answer = pickle.loads(answer)  # noqa: S301 - written below
    if isinstance(given, Exception):
        raise given
    return given


def _answer(writer: int, config_file: Path | None) -> None:
    """Write the settings, or why there are none, to `writer`; end this process at once."""
    try:
        try:
            answer: Answer = _for_steady_process(load_settings(config_file, all_probes=False))
        except (ConfigError, ModuleNotFoundError) as error:
            answer = error
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - nothing may return into the agent's own code twice
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


def _for_steady_process(settings: Settings) -> Settings:
    """Leave out what would bring modules along that this process does not need."""
    plans = {
        name: plan if plan.is_run and plan.cost is Cost.LIGHT else replace(plan, own=None)
        for name, plan in settings.probes.items()
    }
    return replace(settings, probes=plans)
