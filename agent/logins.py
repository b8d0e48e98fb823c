"""The file of logins: TOML, mode 0600, one table per login.

    [default]
    user = "campusgauge"
    password = "…"

Errors name the file, the table and the key, never a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.private_file import OpenToOthersError, read_private_toml
from agent.trouble import TroubleError


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password; the password never appears in `repr`."""

    user: str
    password: str = field(repr=False)


def load_logins(path: Path | None) -> Mapping[str, Login]:
    """Return the logins by name; none without a file.

    Raises TroubleError `logins_unreadable`, `logins_open` (others may read the file) or
    `logins_wrong`.
    """
    if path is None:
        return {}
    try:
        document = read_private_toml(path)
    except OpenToOthersError as error:
        raise TroubleError("logins_open", str(path)) from error
    except OSError as error:
        raise TroubleError("logins_unreadable", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise TroubleError("logins_wrong", str(error)) from None
    return {name: _login(path, name, table) for name, table in document.items()}


def _login(path: Path, name: str, table: object) -> Login:
    if not isinstance(table, dict):
        raise TroubleError("logins_wrong", f"{path}: {name} must be a table: [{name}]")
    unknown = sorted(set(table) - {"user", "password"})
    if unknown:
        raise TroubleError("logins_wrong", f"{path}: {name}.{unknown[0]}; known: user, password")
    user, password = table.get("user"), table.get("password")
    if not isinstance(user, str) or not isinstance(password, str) or not user:
        raise TroubleError("logins_wrong", f"{path}: [{name}] needs user and password as texts")
    return Login(user, password)
