"""The probes there are: one line each, no registration by import.

The registry names modules instead of importing them, so that a process imports only the probes it
runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from agent.probes.base import Probe

PROBES: tuple[tuple[str, str], ...] = (
    ("server_headroom", "agent.probes.server_headroom:ServerHeadroom"),
    ("storage_volumes", "agent.probes.storage_volumes:StorageVolumes"),
    ("host_uptime", "agent.probes.host_uptime:HostUptime"),
    ("link_speed", "agent.probes.link_speed:LinkSpeed"),
    ("anchors", "agent.probes.anchors:Anchors"),
    ("services", "agent.probes.services:Services"),
    ("education_network", "agent.probes.education_network:EducationNetwork"),
    ("outlet_bandwidth", "agent.probes.outlet_bandwidth:OutletBandwidth"),
    ("switch_links", "agent.probes.switch_links:SwitchLinks"),
    ("wireless_controller", "agent.probes.wireless_controller:WirelessController"),
    ("wireless_survey", "agent.probes.wireless_survey:WirelessSurvey"),
    ("wireless_capture", "agent.probes.wireless_capture:WirelessCapture"),
    ("wireless_rate", "agent.probes.wireless_rate:WirelessRate"),
    ("lan_rate", "agent.probes.lan_rate:LanRate"),
    ("endpoint_sweep", "agent.probes.endpoint_sweep:EndpointSweep"),
    ("classroom_devices", "agent.probes.classroom_devices:ClassroomDevices"),
    ("broadcast_terminals", "agent.probes.broadcast_terminals:BroadcastTerminals"),
    ("sensor_platform", "agent.probes.sensor_platform:SensorPlatform"),
    ("ups_snmp", "agent.probes.ups_snmp:UpsSnmp"),
    ("ups_nut", "agent.probes.ups_nut:UpsNut"),
    ("wan_counters", "agent.probes.wan_counters:WanCounters"),
    ("website", "agent.probes.website:Website"),
    ("cameras", "agent.probes.cameras:Cameras"),
    ("recordings", "agent.probes.recordings:Recordings"),
    ("platform_registration", "agent.probes.platform_registration:PlatformRegistration"),
    ("single_sign_on", "agent.probes.single_sign_on:SingleSignOn"),
    ("backups", "agent.probes.backups:Backups"),
    ("protection_software", "agent.probes.protection_software:ProtectionSoftware"),
    ("clock", "agent.probes.clock:Clock"),
)
"""Probe name and `module:class`, in the order people see them."""

IDLE_UNTIL_SET = frozenset(
    {
        "services",
        "education_network",
        "switch_links",
        "wireless_controller",
        "wireless_survey",
        "wireless_capture",
        "wireless_rate",
        "lan_rate",
        "endpoint_sweep",
        "classroom_devices",
        "broadcast_terminals",
        "sensor_platform",
        "ups_snmp",
        "ups_nut",
        "wan_counters",
        "website",
        "cameras",
        "recordings",
        "platform_registration",
        "single_sign_on",
        "backups",
    }
)
"""Probes that have nothing to observe (`Probe.idle_reason`) until somebody says what."""


class UnknownProbeError(LookupError):
    """There is no probe of that name; the message lists those there are."""


def probe_names() -> tuple[str, ...]:
    """Return the names of all probes, in display order."""
    return tuple(name for name, _ in PROBES)


def load_probe(name: str) -> Probe[Any]:
    """Import and construct the probe `name`. Raises UnknownProbeError."""
    for known, path in PROBES:
        if known == name:
            module, _, class_name = path.partition(":")
            probe: Probe[Any] = getattr(import_module(module), class_name)()
            return probe
    raise UnknownProbeError(f"no probe named {name!r}; there are: {', '.join(probe_names())}")
