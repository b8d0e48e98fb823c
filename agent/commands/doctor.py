"""`doctor`: connection, clock and rights of this host, a line each, with what to do next."""

from __future__ import annotations

import argparse
import json
import sys

from agent.commands.arguments import add_config, add_format, add_state
from agent.commands.once import take_readings
from agent.config import environment_proxy, load_settings
from agent.doctor import Finding, State, check_collector, check_host
from agent.identity import IdentityError, load_identity
from agent.probes.base import CollectorAccess
from agent.words import sentences

_MARKS = {State.GOOD: "✓", State.BAD: "✗", State.NOTE: "–"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `doctor [--server URL] [--state DIR] [--config FILE] [--format json]`."""
    parser.add_argument(
        "--server",
        metavar="URL",
        help="登记之前检查这个地址；缺省为已登记的采集服务 / an address to check before enrolment",
    )
    add_state(parser)
    add_config(parser)
    add_format(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Check and print; exit code 1 when something is wrong."""
    settings = load_settings(arguments.config)
    findings: list[Finding] = []
    access: CollectorAccess | None = None
    try:
        identity = load_identity(arguments.state)
        access = identity.access(settings.push.ca_file) if identity else None
        if identity is None:
            findings.append(Finding("identity", State.NOTE, "doctor_not_enrolled"))
    except IdentityError as error:
        findings.append(Finding("identity", State.BAD, "doctor_identity_damaged", str(error)))
    if arguments.server:
        known = access is not None and access.url == arguments.server
        key = access.key if access is not None and known else ""
        access = CollectorAccess(arguments.server, key, settings.push.ca_file)
    if access is not None:
        findings += check_collector(access, environment_proxy(), settings.push.timeout_s)
    findings += check_host(
        arguments.state,
        settings,
        lambda plans: take_readings(plans, settings, None, arguments.config),
    )
    if arguments.format == "json":
        document = [_fields(finding) for finding in findings]
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(_lines(finding) for finding in findings))
    return 1 if any(finding.state is State.BAD for finding in findings) else 0


def _fields(finding: Finding) -> dict[str, object]:
    known = sentences(finding.reason)
    return {
        "check": finding.check,
        "state": finding.state.value,
        "reason": finding.reason,
        "detail": finding.detail,
        "what_to_do": {"zh": known[0], "en": known[1]} if known else None,
    }


def _lines(finding: Finding) -> str:
    detail = f"  {finding.detail}" if finding.detail else ""
    known = sentences(finding.reason)
    told = "".join(f"      {sentence}\n" for sentence in known or ())
    return f"{_MARKS[finding.state]} {finding.title}{detail}\n{told}"
