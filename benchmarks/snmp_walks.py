"""How long one look at each recorded device takes, over a real SNMP agent on loopback.

    python benchmarks/snmp_walks.py [FOLDER] [--times 5] [--limit 2.0]

FOLDER holds recordings (`*.snmprec`), answered by snmpsim; without it nothing is measured. Every
device is asked as the agent would, each probe by itself: a switch's links, a controller's access
points, a power supply's runtime, whichever it answers. Printed are the median and the slowest
seconds on the wall, and the processor seconds of this side; the simulator's own time is part of the
wall. Exit code 1 when a median exceeds the limit; the last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.probes.base import Context
from agent.probes.switch_links import SwitchLinks, SwitchLinksSettings
from agent.probes.ups_snmp import UpsSnmp, UpsSnmpSettings
from agent.probes.wireless_controller import WirelessController, WirelessControllerSettings
from agent.reading import Outcome, Reading
from agent.snmp.roles import Switch
from agent.snmp.settings import Device

START_S = 150.0
Look = Callable[[str, int], list[Reading]]


def links(community: str, port: int) -> list[Reading]:
    """Ask for the links of a switch."""
    device = Switch(name="device", address="127.0.0.1", port=port)
    settings = SwitchLinksSettings(devices=(device,), community=community, answer_within_s=10.0)
    return list(SwitchLinks().collect(settings, Context()))


def access_points(community: str, port: int) -> list[Reading]:
    """Ask for the access points of a controller."""
    device = Device(name="device", address="127.0.0.1", port=port)
    settings = WirelessControllerSettings(
        devices=(device,), community=community, answer_within_s=10.0
    )
    return list(WirelessController().collect(settings, Context()))


def runtime(community: str, port: int) -> list[Reading]:
    """Ask for the runtime of a power supply."""
    device = Device(name="device", address="127.0.0.1", port=port)
    settings = UpsSnmpSettings(devices=(device,), community=community, answer_within_s=10.0)
    return list(UpsSnmp().collect(settings, Context()))


LOOKS: dict[str, Look] = {"links": links, "access points": access_points, "runtime": runtime}


@contextmanager
def simulator(folder: Path) -> Iterator[int]:
    """Answer every recording of a folder, by the community of its file's name; yield the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    with tempfile.TemporaryDirectory() as cache:
        command = [str(Path(sys.executable).with_name("snmpsim-command-responder"))]
        command += [f"--data-dir={folder}", f"--cache-dir={cache}", "--log-level=error"]
        command += [f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
        if os.geteuid() == 0:
            command += ["--process-user=root", "--process-group=root"]
        log = Path(cache) / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
        try:
            deadline = time.monotonic() + START_S
            while b"Listening at UDP" not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"snmpsim did not start: {log.read_text()[-1000:]}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def walk(look: Look, community: str, port: int) -> tuple[float, float] | None:
    """Take one look: wall and processor seconds; None of a device that does not answer it."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    readings = look(community, port)
    spent = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return spent if any(one.outcome is not Outcome.FAILED for one in readings) else None


def main() -> int:
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--limit", type=float, default=2.0, help="seconds that a median may take")
    arguments = parser.parse_args()
    if arguments.folder is None:
        print("没有给出录制文件夹，未测 · no folder of recordings was given, nothing measured")
        return 0
    names = sorted(path.stem for path in arguments.folder.glob("*.snmprec"))
    rows: list[tuple[str, str, float, float, float]] = []
    with simulator(arguments.folder) as port:
        walk(links, names[0], port)  # imports pysnmp, which a child does once
        print("| recording | look | median s | slowest s | processor s |\n|---|---|---|---|---|")
        for name, (title, look) in itertools.product(names, LOOKS.items()):
            if walk(look, name, port) is None:
                continue
            runs = [run for _ in range(arguments.times) if (run := walk(look, name, port))]
            walls = [wall_s for wall_s, _ in runs]
            median_s, cpu_s = statistics.median(walls), statistics.median(cpu for _, cpu in runs)
            rows.append((name, title, median_s, max(walls), cpu_s))
            told = " | ".join(f"{seconds:.2f}" for seconds in rows[-1][2:])
            print(f"| {name} | {title} | {told} |", flush=True)
    over = [f"{row[0]}: {row[1]}" for row in rows if row[2] > arguments.limit]
    print(json.dumps({"limit_s": arguments.limit, "over": over, "walks": rows}))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
