"""`enrol`: exchanges an enrolment code for this agent's own key."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from agent.commands.arguments import add_state
from agent.config import environment_proxy
from agent.identity import (
    CLOCK_TOLERANCE_S,
    Enrolled,
    IdentityError,
    enrol,
    load_identity,
    save_identity,
)
from agent.words import told

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `enrol --server URL --code CODE --state DIR`."""
    parser.add_argument(
        "--server", required=True, metavar="URL", help="教委采集服务地址 / collector"
    )
    parser.add_argument(
        "--code", required=True, metavar="CODE", help="登记码 / given by the bureau"
    )
    add_state(parser)
    parser.add_argument(
        "--ca-file", type=Path, metavar="PEM", help="自建 CA 证书 / private certification authority"
    )
    parser.add_argument(
        "--force", action="store_true", help="替换已有身份 / replace an existing identity"
    )


def run(arguments: argparse.Namespace) -> int:
    """Enrol and store the identity; exit code 1 when the collector refuses."""
    say = sys.stderr.write
    url = urlsplit(arguments.server)
    if url.scheme not in ("http", "https") or not url.hostname:
        say(f"地址须以 http:// 或 https:// 开头 / not an http(s) address: {arguments.server}\n")
        return 2
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        say("注意：未加密的 http，密钥会明文传输 / warning: plain http sends the key in clear\n")
    try:
        if not arguments.force and load_identity(arguments.state) is not None:
            say(
                f"{arguments.state} 已登记，替换请加 --force / already enrolled, --force replaces\n"
            )
            return 1
        enrolled = enrol(arguments.server, arguments.code, ca_file=arguments.ca_file)
        save_identity(arguments.state, enrolled.identity)
    except (IdentityError, OSError) as error:
        say(f"登记未成功 / not enrolled: {error}\n")
        proxy = environment_proxy()
        if proxy is not None:
            say(told("proxy_not_used", proxy) + "\n")
        return 1
    _mention_clock(enrolled)
    identity = enrolled.identity
    sys.stdout.write(
        f"已登记 / enrolled: {identity.school_name} ({identity.school_id}), {identity.agent_id}\n"
        f"下一步 / next: campusgauge-agent run --state {arguments.state}\n"
    )
    return 0


def _mention_clock(enrolled: Enrolled) -> None:
    """Warn of a clock that would date the readings wrongly, or have them refused."""
    ahead_s = enrolled.clock_ahead_s
    if ahead_s is not None and abs(ahead_s) > CLOCK_TOLERANCE_S:
        sys.stderr.write(told("host_clock_off", f"{ahead_s:+.0f} s") + "\n")
