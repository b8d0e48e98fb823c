"""The runs of `bandwidth.py` as tables in Markdown."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from netlab import PAYLOAD_SHARE

Run = Mapping[str, Any]
TEN_S = 10
HEAD = (
    "| line | way | runs | error %, median / worst | s, median / most | bytes ÷ 10 s of the line,"
    " median / most | CPU s, median | MiB, most | limited by |"
)
PEERS_HEAD = "| line | way | tool | error % | s | MB | CPU s |"


def print_tables(runs: Mapping[str, Sequence[Run]]) -> None:
    """Print the engine's table, that of the others, and how the machine was."""
    print(HEAD + "\n" + "|---" * 9 + "|")
    for name, of_line in runs.items():
        for direction in ("download", "upload"):
            mine = [r for r in fair(of_line) if r["tool"] == "engine"]
            mine = [run for run in mine if run["direction"] == direction]
            if mine:
                print(engine_row(name, direction, mine))
    print("\n" + PEERS_HEAD + "\n" + "|---" * 7 + "|")
    for name, of_line in runs.items():
        for run in fair(of_line):
            if run["tool"] != "engine" and "error" not in run:
                print(peer_row(name, run))
    every = [run for of_line in runs.values() for run in of_line]
    if every:
        loads = sorted(run["load"] for run in every)
        print(
            f"\n{len(every)} runs, {sum(run['void'] for run in every)} void because the lab was"
            f" late; load average {loads[0]:.1f} to {loads[-1]:.1f},"
            f" median {statistics.median(loads):.1f}"
        )


def fair(runs: Sequence[Run]) -> list[Run]:
    """Return the runs in which the lab kept time."""
    return [run for run in runs if not run["void"]]


def engine_row(name: str, direction: str, runs: Sequence[Run]) -> str:
    """Return one line's results in one direction."""
    good = [run for run in runs if "error" not in run]
    failed = Counter(run["error"] for run in runs if "error" in run)
    causes = Counter("+".join(run["limited_by"]) or "none" for run in good)
    cells = [name, direction, f"{len(runs)}"]
    if good:
        seconds = [run["seconds"] for run in good]
        cells += [
            errors_cell(good),
            f"{statistics.median(seconds):.2f} / {max(seconds):.2f}",
            bytes_cell(good),
            f"{statistics.median(run['cpu_s'] for run in good):.2f}",
            f"{max(run['peak_mib'] for run in good):.1f}",
        ]
    else:
        cells += ["–"] * 5
    said = [*causes.most_common(), *failed.most_common()]
    cells.append(", ".join(f"{cause} {count}" for cause, count in said))
    return "| " + " | ".join(cells) + " |"


def errors_cell(runs: Sequence[Run]) -> str:
    """Return the size of the errors of the line rate, or the rate where no truth is known."""
    if runs[0]["true_mbps"] is None:
        return f"{statistics.median(run['line_rate_mbps'] for run in runs) / 1000:.1f} Gbit/s"
    errors = [100 * abs(run["line_rate_mbps"] / run["true_mbps"] - 1) for run in runs]
    return f"{statistics.median(errors):.2f} / {max(errors):.2f}"


def bytes_cell(runs: Sequence[Run]) -> str:
    """Return bytes as a share of what the full line carries in ten seconds."""
    if runs[0]["true_mbps"] is None:
        return f"{statistics.median(run['bytes'] for run in runs) / 1e6:.0f} MB"
    shares = [run["bytes"] / (run["true_mbps"] * 125_000 * PAYLOAD_SHARE * TEN_S) for run in runs]
    return f"{statistics.median(shares):.3f} / {max(shares):.3f}"


def peer_row(name: str, run: Run) -> str:
    """Return one run of another program; its payload rate is converted."""
    line_rate_mbps = run["goodput_mbps"] / PAYLOAD_SHARE
    true_mbps = run["true_mbps"]
    error = (
        f"{100 * (line_rate_mbps / true_mbps - 1):+.2f}"
        if true_mbps
        else f"{line_rate_mbps / 1000:.1f} Gbit/s"
    )
    return (
        f"| {name} | {run['direction']} | {run['tool']} | {error} | {run['seconds']:.1f}"
        f" | {run['bytes'] / 1e6:.1f} | {run['cpu_s']:.2f} |"
    )
