"""What Windows tells any user about protection software, asked by one PowerShell command.

A client's Security Center lists every registered product with a state word; a server has none, so
there Defender's own status and the running services are looked at. Not run on Windows yet: the
parser is fed states as published.

Sources: WMI classes AntiVirusProduct (root/SecurityCenter2), MSFT_MpComputerStatus,
SoftwareLicensingProduct and Win32_OperatingSystem. The state word is not documented by its maker;
the bits used here are those that public tools agree on: 0xF000 on or off, 0x00F0 signatures,
0x0F00 Microsoft's own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from agent.protection.products import FoundProduct, HostProtection, ProductTable
from agent.trouble import TroubleError

# No double quotes, so that the text survives the command line; no script file, so that a policy
# on scripts does not matter. The application id is that of Windows itself.
QUERY = """
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
$center = $true; $products = @()
try { $products = @(Get-CimInstance -Namespace root/SecurityCenter2 -ClassName AntiVirusProduct `
  -ErrorAction Stop | ForEach-Object { @{ name = $_.displayName; state = $_.productState } }) }
catch { $center = $false }
$mp = Get-MpComputerStatus
$os = Get-CimInstance Win32_OperatingSystem
$key = 'PartialProductKey IS NOT NULL AND ApplicationID=''55c92734-d682-4d71-983e-d6ec3f16059f'''
@{ security_center = $center; products = $products
   defender = @{ on = [bool]($mp.AMServiceEnabled -and $mp.RealTimeProtectionEnabled)
                 age_days = $mp.AntivirusSignatureAge }
   licences = @(Get-CimInstance SoftwareLicensingProduct -Filter $key |
                ForEach-Object { [int]$_.LicenseStatus })
   product_type = $os.ProductType; caption = $os.Caption
   services = @(Get-Service | Where-Object Status -eq Running | ForEach-Object { $_.Name })
   processes = @(Get-Process | ForEach-Object { $_.ProcessName } | Select-Object -Unique)
} | ConvertTo-Json -Compress -Depth 4
"""
_WORKSTATION = 1
_LICENSED = 1
_NEVER_DAYS = 60_000
"""Defender spells `no signatures at all` as 65535 or 4294967295 days."""


def ask_windows(within_s: float) -> Mapping[str, Any]:
    """Run the query. Raises TroubleError `protection_query_failed`."""
    command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", QUERY]
    try:
        done = subprocess.run(  # noqa: S603 - a system's own program with a fixed text
            command, capture_output=True, timeout=within_s, check=False, stdin=subprocess.DEVNULL
        )
        answer = json.loads(done.stdout.decode("utf-8-sig"))
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise TroubleError("protection_query_failed", f"{type(error).__name__}: {error}") from error
    if not isinstance(answer, dict):
        raise TroubleError("protection_query_failed", "no answer")
    return answer


def read_windows(answer: Mapping[str, Any], table: ProductTable) -> HostProtection:
    """Read the query's answer. Pure. Raises TroubleError `protection_query_failed`."""
    try:
        is_client = bool(answer["security_center"])
        age_days = _age_days(answer["defender"]["age_days"])
        products = (
            [_registered(one, age_days) for one in answer["products"]]
            if is_client
            else _on_a_server(answer, table, age_days)
        )
        licences = [int(status) for status in answer["licences"]]
        kind = answer["product_type"]
        return HostProtection(
            products=tuple(products),
            is_complete=is_client,
            machine="unknown" if kind is None else "pc" if kind == _WORKSTATION else "server",
            is_licensed=_LICENSED in licences if licences else None,
            system=str(answer["caption"] or "Windows")[:80],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TroubleError("protection_query_failed", f"{type(error).__name__}: {error}") from error


def _registered(one: Mapping[str, Any], defender_age_days: float | None) -> FoundProduct:
    state = int(one["state"])
    is_microsoft = state & 0x0F00 == 0x0100
    return FoundProduct(
        name=str(one["name"])[:80],
        is_running=state & 0xF000 == 0x1000,
        signatures_age_days=defender_age_days if is_microsoft else None,
        is_fresh=state & 0x00F0 == 0,
    )


def _on_a_server(
    answer: Mapping[str, Any], table: ProductTable, age_days: float | None
) -> Iterable[FoundProduct]:
    if answer["defender"]["on"]:
        yield FoundProduct("Microsoft Defender", is_running=True, signatures_age_days=age_days)
    for product in table.products:
        if product.runs(services=answer["services"], processes=answer["processes"]):
            yield FoundProduct(product.name, is_running=True)


def _age_days(told: Any) -> float | None:
    return None if told is None or int(told) >= _NEVER_DAYS else float(told)
