"""The file of credentials: TOML, mode 0600, one table per credential.

    [default]
    version = "2c"
    community = "…"

    [core]
    version = "3"
    user = "campusgauge"
    auth_protocol = "SHA256"
    auth_key = "…"
    privacy_protocol = "AES"
    privacy_key = "…"

Errors name the file, the table and the key, never a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

import dacite

from agent.private_file import OpenToOthersError, read_private_toml
from agent.snmp.client import SnmpError
from agent.snmp.settings import AskSettings, Credential, Version


def load_credentials(settings: AskSettings) -> Mapping[str, Credential]:
    """Return the credentials by name.

    Raises SnmpError `snmp_credentials_unreadable`, `_open` (others may read the file) or
    `_wrong`.
    """
    found = _from_file(settings.credentials_file) if settings.credentials_file else {}
    if settings.community:
        found.setdefault("default", Credential(community=settings.community))
    return found


def _from_file(path: Path) -> dict[str, Credential]:
    try:
        document = read_private_toml(path)
    except OpenToOthersError as error:
        raise SnmpError("snmp_credentials_open", str(path)) from error
    except OSError as error:
        raise SnmpError("snmp_credentials_unreadable", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SnmpError("snmp_credentials_wrong", str(error)) from None
    return {name: _credential(path, name, table) for name, table in document.items()}


def _credential(path: Path, name: str, table: object) -> Credential:
    known = [one.name for one in fields(Credential)]
    if not isinstance(table, dict):
        raise SnmpError("snmp_credentials_wrong", f"{path}: {name} must be a table: [{name}]")
    unknown = sorted(set(table) - set(known))
    if unknown:
        listed = ", ".join(known)
        raise SnmpError("snmp_credentials_wrong", f"{path}: {name}.{unknown[0]}; known: {listed}")
    try:
        return dacite.from_dict(Credential, table)
    except dacite.WrongTypeError as error:
        where = f"{path}: {name}.{error.field_path}"
        allowed = get_args(error.field_type) or get_args(Version)
        hint = f" must be one of {', '.join(allowed)}" if get_args(error.field_type) else ""
        raise SnmpError("snmp_credentials_wrong", where + (hint or " must be a text")) from None
    except ValueError as error:
        raise SnmpError("snmp_credentials_wrong", f"{path}: [{name}] {error}") from None
