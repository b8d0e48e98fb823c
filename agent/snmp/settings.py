"""What is set about devices and how they are asked. Light: the steady process imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

NO_DEVICE = "snmp_no_device"
"""The reason of a probe that no device was named to."""


@dataclass(frozen=True, kw_only=True)
class AskSettings:
    """How every device of a probe is asked; the probes' own settings extend it.

    `credentials_file` is a TOML file of mode 0600, one table per credential; a device without
    `credential` uses the table `default`. `community` serves devices where no file is wanted,
    and belongs into the environment rather than into a configuration that others can read.
    """

    credentials_file: Path | None = None
    community: str = field(default="", repr=False)
    answer_within_s: float = 4.0
    retries: int = 1
    rows_per_request: int = 25

    def __post_init__(self) -> None:
        if not 0.1 <= self.answer_within_s <= 30:
            raise ValueError("answer_within_s must be between 0.1 and 30")
        if not 0 <= self.retries <= 5:
            raise ValueError("retries must be between 0 and 5")
        if not 1 <= self.rows_per_request <= 100:
            raise ValueError("rows_per_request must be between 1 and 100")


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device. `name` is what readings call it, `address` a host name or address.

    `context` is the SNMPv3 context, which nearly every device leaves empty.
    """

    name: str
    address: str
    port: int = 161
    credential: str = "default"
    context: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.address:
            raise ValueError("a device needs a name and an address")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be between 1 and 65535, not {self.port}")


def require_distinct(devices: Sequence[Device]) -> None:
    """Raise ValueError where two devices share a name: their readings would become one series."""
    names = [device.name for device in devices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two devices are named {', '.join(twice)}")


Version = Literal["1", "2c", "3"]
AuthProtocol = Literal["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"]
PrivacyProtocol = Literal["DES", "AES", "AES192", "AES256"]


@dataclass(frozen=True, slots=True)
class Credential:
    """How to be let in: a community (versions 1 and 2c) or a user (version 3).

    Nothing secret appears in `repr`. Without `privacy_key` an SNMPv3 user is only authenticated,
    without `auth_key` not even that.
    """

    version: Version = "2c"
    community: str = field(default="", repr=False)
    user: str = ""
    auth_protocol: AuthProtocol = "SHA"
    auth_key: str = field(default="", repr=False)
    privacy_protocol: PrivacyProtocol = "AES"
    privacy_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.version == "3":
            if not self.user:
                raise ValueError("version 3 needs a user")
            if self.privacy_key and not self.auth_key:
                raise ValueError("a privacy_key needs an auth_key")
            if any(key and len(key) < 8 for key in (self.auth_key, self.privacy_key)):
                raise ValueError("auth_key and privacy_key need eight characters or more")
        elif not self.community:
            raise ValueError(f"version {self.version} needs a community")
