"""How exact, quick and frugal the bandwidth engine is, beside iperf3, on lines of known capacity.

Needs root (network namespaces). Run for example:

    python benchmarks/bandwidth.py                      # all cells, 10 repeats: about 15 minutes
    python benchmarks/bandwidth.py --rates 100 --rtts 20 --repeats 3 --peers

Prints one line per cell: error of the line rate against the shaper's rate (median and worst),
seconds and bytes of one test, bytes as a share of a ten-second iperf3 run, CPU seconds and peak
memory of the whole process, which is what the probe's child runs. `--first` measures each line as
if for the first time, `--max` an unshaped path against iperf3, `--peers` adds iperf3 and a
LibreSpeed-style client to each cell.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from netlab import PAYLOAD_SHARE, SERVER_ADDRESS, Lab, Link, lab

PORT = 8989
IPERF_S = 10
SERVE = (
    "from collector.speedtest.command import serve;"
    f"serve('0.0.0.0', {PORT}, None, True, host_id='lab')"
)
CHILD = f"""
import json, sys, time
from pathlib import Path
import agent.probes.outlet_bandwidth
from agent.bandwidth.backends import measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.bounds import Direction
from agent.bandwidth.line_memory import LineMemory
request = Request(
    "http://{SERVER_ADDRESS}:{PORT}", (Direction(sys.argv[1] + "load"),),
    memory=LineMemory(Path(sys.argv[2], "lines.json"), time.time()),
)
print(json.dumps(measure_with("builtin", request).as_json()))
"""
NAMES = {"down": "download", "up": "upload"}


def main() -> int:
    """Run the cells asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", default="20,100,500,1000", help="Mbit/s")
    parser.add_argument("--rtts", default="0,20,80", help="ms")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--loss", type=float, default=0.0, help="percent")
    parser.add_argument(
        "--credit-mb", type=float, default=0.0, help="burst credit at twice the rate"
    )
    parser.add_argument(
        "--cross-udp", type=float, default=0.0, help="share of the line taken by UDP"
    )
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--max", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    if options.max:
        unshaped(options.repeats)
        return 0
    for rate in numbers(options.rates):
        for rtt_ms in numbers(options.rtts):
            link = Link(rate, rate, rtt_ms, loss_percent=options.loss)
            if options.credit_mb:
                bucket = round(options.credit_mb * 1e6)
                link = Link(rate, rate, rtt_ms, bucket_bytes=bucket, peak_mbps=2 * rate)
            cell(link, rate, options)
    return 0


def numbers(text: str) -> list[float]:
    """Read a comma-separated list."""
    return [float(part) for part in text.split(",")]


def cell(link: Link, rate: float, options: argparse.Namespace) -> None:
    """Measure one link in both directions and print what came out."""
    with lab(link) as made, tempfile.TemporaryDirectory() as state:
        made.start(made.server(sys.executable, "-c", SERVE))
        made.start(made.server("iperf3", "-s"))
        made.start(made.server("iperf3", "-s", "-p", "5202"))
        time.sleep(1.0)
        for direction in NAMES:
            runs = []
            for _ in range(options.repeats):
                know(Path(state), None if options.first else rate)
                with cross_udp(made, rate * options.cross_udp, direction):
                    runs.append(measure(made, direction, Path(state)))
            show(f"{direction:4s} {rate:6g} Mbit/s {link.rtt_ms:3g} ms", runs, rate)
            if options.peers:
                peers(made, direction, rate)


def know(state: Path, rate_mbps: float | None) -> None:
    """Let the line be known at its true rate, or unknown."""
    line = {
        "at_s": time.time() - 60,
        "known": {"sustained_bytes_s": (rate_mbps or 0) * 1e6 / 8 * PAYLOAD_SHARE},
    }
    keys = [f"{SERVER_ADDRESS}:{PORT} 10.77.1.2 {name}" for name in NAMES.values()]
    lines = dict.fromkeys(keys, line) if rate_mbps else {}
    (state / "lines.json").write_text(json.dumps({"version": 1, "lines": lines}))


def measure(made: Lab, direction: str, state: Path) -> dict[str, Any]:
    """Measure once, as the probe's child does; adds CPU seconds, peak memory and wall time."""
    began = time.monotonic()
    process = subprocess.Popen(
        made.client(sys.executable, "-c", CHILD, direction, str(state)),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    document = json.loads(output)
    part: dict[str, Any] = document.get(NAMES[direction], {"error": document.get("error")})
    part["wall_s"] = time.monotonic() - began
    part["cpu_s"] = usage.ru_utime + usage.ru_stime
    part["peak_mib"] = usage.ru_maxrss / 1024
    return part


def show(title: str, runs: list[dict[str, Any]], rate: float) -> None:
    """Print one cell."""
    good = [run for run in runs if "error" not in run]
    if not good:
        print(title, "no rate:", {run["error"] for run in runs})
        return
    errors = [100 * (run["line_rate_mbps"] / rate - 1) for run in good]
    sizes = [abs(error) for error in errors]
    ten_seconds = rate * 1e6 / 8 * PAYLOAD_SHARE * IPERF_S
    print(
        f"{title}: error median {statistics.median(sizes):.2f} worst {max(sizes):.2f} "
        f"(signed {statistics.median(errors):+.2f}) %, "
        f"{middle(good, 'seconds'):.2f} s (most {max(r['seconds'] for r in good):.2f}), "
        f"{middle(good, 'bytes') / 1e6:.1f} MB = {middle(good, 'bytes') / ten_seconds:.3f} "
        f"(most {max(r['bytes'] for r in good) / ten_seconds:.3f}) of iperf3's, "
        f"CPU {middle(good, 'cpu_s'):.2f} s, {max(r['peak_mib'] for r in good):.1f} MiB, "
        f"limited by {sorted({cause for r in good for cause in r['limited_by']})}, "
        f"{len(good)}/{len(runs)} runs",
        flush=True,
    )


def middle(runs: list[dict[str, Any]], key: str) -> float:
    """Return the median of one value."""
    return statistics.median(run[key] for run in runs)


@contextlib.contextmanager
def cross_udp(made: Lab, mbps: float, direction: str) -> Any:
    """Let a UDP stream share the line meanwhile."""
    if not mbps:
        yield
        return
    options = ["-R"] if direction == "down" else []
    process = subprocess.Popen(
        made.client("iperf3", "-c", SERVER_ADDRESS, "-p", "5202", "-u", "-b", f"{mbps:.0f}M",
                    "-l", "1400", "-t", "30", *options),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(0.5)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        time.sleep(0.5)


def iperf3(made: Lab, direction: str, streams: int) -> float:
    """Return iperf3's received payload rate in Mbit/s over ten seconds."""
    options = ["-R"] if direction == "down" else []
    done = subprocess.run(
        made.client("iperf3", "-c", SERVER_ADDRESS, "-t", str(IPERF_S), "-P", str(streams), "-J",
                    *options),
        capture_output=True, check=False,
    )  # fmt: skip
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e6


def librespeed_style(made: Lab) -> float:
    """Return LibreSpeed's own estimate: 6 streams, 1.5 s of grace, an overhead factor of 1.06."""
    script = (
        "import threading,time,urllib.request as u\n"
        "n=[0]\n"
        "def f():\n"
        f"  r=u.urlopen('http://{SERVER_ADDRESS}:{PORT}/garbage.php?ckSize=1000')\n"
        "  while True:\n"
        "    d=len(r.read1(65536)); n[0]+=d\n"
        "[threading.Thread(target=f,daemon=True).start() for _ in range(6)]\n"
        "time.sleep(1.5); a=n[0]; t=time.time(); time.sleep(8); "
        "print((n[0]-a)*8/(time.time()-t)/1e6*1.06)"
    )
    done = subprocess.run(
        made.client(sys.executable, "-c", script), capture_output=True, check=True
    )
    return float(done.stdout)


def peers(made: Lab, direction: str, rate: float) -> None:
    """Print what others say of the same line; iperf3 as payload, converted."""
    for streams in (1, 4):
        found = iperf3(made, direction, streams) / PAYLOAD_SHARE
        print(f"     iperf3, {streams} streams, {IPERF_S} s: {100 * (found / rate - 1):+.2f} %")
    if direction == "down":
        style = librespeed_style(made)
        print(f"     LibreSpeed's algorithm: {100 * (style / rate - 1):+.2f} %", flush=True)


def unshaped(repeats: int) -> None:
    """Compare with iperf3 on an unshaped path between namespaces."""
    with lab(Link(None, None)) as made, tempfile.TemporaryDirectory() as state:
        made.start(made.server(sys.executable, "-c", SERVE))
        made.start(made.server("iperf3", "-s"))
        time.sleep(1.0)
        for direction in NAMES:
            runs = [measure(made, direction, Path(state)) for _ in range(repeats)]
            own = statistics.median(run["goodput_mbps"] for run in runs)
            others = [iperf3(made, direction, streams) for streams in (1, 4)]
            causes = sorted({cause for run in runs for cause in run["limited_by"]})
            print(
                f"{direction:4s} unshaped: {own / 1000:.1f} Gbit/s, limited by {causes}; "
                f"iperf3 {others[0] / 1000:.1f} (1 stream), {others[1] / 1000:.1f} (4 streams)",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
