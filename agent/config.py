"""One TOML file and the environment -> frozen settings. The only reader of the environment.

Order, later wins: the defaults in these dataclasses, the file, variables named
`CAMPUSGAUGE_AGENT_<TABLE>_<KEY>` (for example `CAMPUSGAUGE_AGENT_PUSH_INTERVAL_S`). A key or a
variable that nobody knows is an error that names its place and the nearest known name, because a
misspelt setting that is silently ignored is found months later, by an inspector.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from agent.probes import IDLE_UNTIL_SET, load_probe, probe_names
from agent.probes.base import Cost, Probe
from agent.settings import (
    ChildSettings,
    ExpositionSettings,
    ProbePlan,
    ProbeTable,
    PushSettings,
    ScheduleSettings,
    Settings,
    SpoolSettings,
)

ENVIRONMENT_PREFIX = "CAMPUSGAUGE_AGENT_"
_PROBE_VARIABLES = ENVIRONMENT_PREFIX + "PROBES_"
_NOT_SETTINGS = frozenset({"CONFIG", "STATE"})
_TABLES: Mapping[str, type[Any]] = {
    "push": PushSettings,
    "spool": SpoolSettings,
    "exposition": ExpositionSettings,
    "children": ChildSettings,
    "schedule": ScheduleSettings,
}
TableT = TypeVar("TableT")


class ConfigError(ValueError):
    """A setting is wrong. The message names the file, the key and what would be right."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the agent finds its files when the command line does not say."""

    state_dir: Path
    config_file: Path | None


def default_places(environment: Mapping[str, str] | None = None) -> Places:
    """Return the default state folder and configuration file of this system."""
    env = os.environ if environment is None else environment
    state = env.get(ENVIRONMENT_PREFIX + "STATE")
    config = env.get(ENVIRONMENT_PREFIX + "CONFIG")
    if state is None:
        if sys.platform == "win32":
            state = str(Path(env.get("PROGRAMDATA", r"C:\ProgramData")) / "CampusGauge" / "agent")
        else:
            state = "/var/lib/campusgauge-agent"
    return Places(Path(state), Path(config) if config else None)


def environment_proxy(environment: Mapping[str, str] | None = None) -> str | None:
    """Return the variable that sets a proxy for everybody, None without one.

    Never its value: proxies are often set with a password in their address.
    """
    env = os.environ if environment is None else environment
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if env.get(name)), None)


def load_settings(
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    all_probes: bool = True,
) -> Settings:
    """Read the file (None: defaults only) and the environment. Raises ConfigError.

    Without `all_probes` those are left out that have nothing to observe because nobody set them:
    importing them takes longer than everything else here, and a start is a first sample.
    """
    source = str(config_file) if config_file else "defaults"
    document = _read_toml(config_file) if config_file else {}
    env = os.environ if environment is None else environment
    _refuse_unknown(document, [*_TABLES, "probes"], source, "")
    given = _table(document, "probes", source)
    _refuse_unknown(given, list(probe_names()), source, "probes.")
    all_probes = all_probes or any(name.startswith(_PROBE_VARIABLES) for name in env)
    left_out = set() if all_probes else {n for n in IDLE_UNTIL_SET if given.get(n, {}) == {}}
    probes = {name: load_probe(name) for name in probe_names() if name not in left_out}
    _overlay_environment(document, probes.values(), env)
    return Settings(
        **{name: _build(kind, document, name, source) for name, kind in _TABLES.items()},
        probes={name: _plan(probe, document, source) for name, probe in probes.items()},
    )


def _read_toml(config_file: Path) -> dict[str, Any]:
    import tomllib  # as dacite below: not in the steady process, see settings_apart.py

    try:
        with config_file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{config_file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config_file}: not valid TOML: {error}") from error


def _table(document: Mapping[str, Any], path: str, source: str) -> dict[str, Any]:
    table: Any = document
    for part in path.split("."):
        table = table.get(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {path} must be a table: [{path}]")
    return dict(table)


def _refuse_unknown(
    given: Mapping[str, Any], known: list[str], source: str, place: str, kind: str = "setting"
) -> None:
    for key in given:
        if key not in known:
            import difflib  # the steady process has no mistakes to explain

            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {place}{near[0]}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"{source}: unknown {kind} {place}{key}; {hint}")


def _refuse_unknown_fields(kind: Any, data: Any, source: str, place: str) -> None:
    """Walk nested dataclasses (also inside tuples and optionals) and check every key."""
    if is_dataclass(kind) and isinstance(data, dict):
        hints = get_type_hints(kind)
        known = [f.name for f in fields(kind)]
        _refuse_unknown(data, known, source, place)
        for key, value in data.items():
            _refuse_unknown_fields(hints[key], value, source, f"{place}{key}.")
        return
    for inner in get_args(kind):
        if isinstance(data, list):
            for index, value in enumerate(data):
                _refuse_unknown_fields(inner, value, source, f"{place}{index}.")
        elif isinstance(data, dict):
            _refuse_unknown_fields(inner, data, source, place)


def _whole_number(value: Any) -> Any:
    return repr(value) if isinstance(value, bool) else value  # Python takes True for 1


def _number(value: Any) -> Any:
    return float(value) if type(value) is int else _whole_number(value)


def _path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) else value


def _build(kind: type[TableT], document: Mapping[str, Any], path: str, source: str) -> TableT:
    table = _table(document, path, source)
    if not table:
        return kind()
    import dacite

    _refuse_unknown_fields(kind, table, source, f"{path}.")
    reading = dacite.Config(
        cast=[tuple, Enum], type_hooks={int: _whole_number, float: _number, Path: _path}
    )
    try:
        return dacite.from_dict(kind, table, reading)
    except dacite.WrongTypeError as error:
        wanted = getattr(error.field_type, "__name__", str(error.field_type))
        raise ConfigError(
            f"{source}: {path}.{error.field_path} must be {wanted}, not {error.value!r}"
        ) from error
    except (dacite.DaciteError, ValueError, TypeError) as error:
        raise ConfigError(f"{source}: [{path}] {error}") from error


def _plan(probe: Probe[Any], document: dict[str, Any], source: str) -> ProbePlan:
    path = f"probes.{probe.name}"
    table = _table(document, path, source)
    common_names = [f.name for f in fields(ProbeTable)]
    own_names = [f.name for f in fields(probe.settings_type)]
    _refuse_unknown(table, common_names + own_names, source, f"{path}.")
    common = {key: value for key, value in table.items() if key in common_names}
    own = {key: value for key, value in table.items() if key not in common_names}
    chosen = _build(ProbeTable, {"probes": {probe.name: common}}, path, source)
    settings = _build(probe.settings_type, {"probes": {probe.name: own}}, path, source)
    return ProbePlan(
        probe=probe.name,
        cost=probe.cost,
        enabled=chosen.enabled,
        interval_s=chosen.interval_s or probe.interval_s,
        timeout_s=chosen.timeout_s or probe.timeout_s,
        own=settings,
        idle_reason=probe.idle_reason(settings),
        needs_slot=probe.needs_slot,
        metrics=probe.metrics,
        always=probe.cost is Cost.LIGHT if chosen.always is None else chosen.always,
    )


def _overlay_environment(
    document: dict[str, Any], probes: Iterable[Probe[Any]], environment: Mapping[str, str]
) -> None:
    """Write single values from the environment into the document, as if the file had them."""
    known: dict[str, tuple[str, ...]] = {}
    for name, kind in _TABLES.items():
        _name_variables(known, (name,), kind)
    for probe in probes:
        _name_variables(known, ("probes", probe.name), ProbeTable)
        _name_variables(known, ("probes", probe.name), probe.settings_type)
    given = {
        variable.removeprefix(ENVIRONMENT_PREFIX): text
        for variable, text in environment.items()
        if variable.startswith(ENVIRONMENT_PREFIX)
    }
    given = {name: text for name, text in given.items() if name not in _NOT_SETTINGS}
    _refuse_unknown(given, list(known), "environment", ENVIRONMENT_PREFIX, kind="variable")
    for variable, text in given.items():
        *tables, key = known[variable]
        table = document
        for part in tables:
            table = table.setdefault(part, {})
        table[key] = _value_of_text(text)


def _name_variables(
    known: dict[str, tuple[str, ...]], path: tuple[str, ...], kind: type[Any]
) -> None:
    for setting in fields(kind):
        known["_".join((*path, setting.name)).upper()] = (*path, setting.name)


def _value_of_text(text: str) -> Any:
    """Read a variable as a TOML value (number, true, list …); what is none is plain text."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
