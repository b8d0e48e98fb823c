"""`survey`: a technician walks the points of a wireless survey with a notebook.

Each point is listened to for some seconds with a live picture, judged, and left for the steady
agent, which reports it. Needs `[probes.wireless_survey] own_ssids`, or `--ssid`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from agent.bandwidth.charts import pad
from agent.commands.arguments import add_config, add_format, add_state
from agent.config import load_settings
from agent.probes.base import Context
from agent.probes.wireless_rate import (
    NO_SERVER,
    WirelessRate,
    WirelessRateSettings,
    measure_room,
)
from agent.probes.wireless_survey import WirelessSurvey, WirelessSurveySettings, point_reading
from agent.reading import Reading
from agent.trouble import TroubleError
from agent.wire import reading_fields
from agent.wireless.heard import merge_scans, strongest_own
from agent.wireless.listen import Scan, read_scan_file, scan
from agent.wireless.survey_points import Point, PointKind, parse_point, read_points
from agent.wireless.survey_record import SurveyRecord
from agent.wireless.visits import TooManyVisitsError, leave_visit

_NOTES = """例 / examples:
  看进度和还没测的点 / progress, and the points that are left:
    campusgauge-agent survey
  测一个点 / one point:
    campusgauge-agent survey --point 教学楼-301
  逐点走完，每到一点按回车 / all of them, one after the other, Enter at each:
    campusgauge-agent survey --walk --points 点位.csv
  上课时连同终端速率一起测（到校内服务器）/ with the terminal's rate, in lessons:
    campusgauge-agent survey --point 教学楼-301 --rate --rate-server http://192.168.1.10:8989
  用别处保存的扫描结果 / from a scan that was saved elsewhere:
    netsh wlan show networks mode=bssid > scan.txt
    campusgauge-agent survey --point 教学楼-301 --scan-file scan.txt

点位文件每行一个点：楼-室，逗号后可写“其他”（走廊、操场，−70 dBm 即可）。
退出码：0 该点已覆盖（或列出进度）；1 未覆盖或没有测成；2 用法错误。
Exit codes: 0 covered (or progress shown); 1 not covered, or not measured; 2 wrong use.
"""
ENOUGH_MBPS = 4.0
"""Item 1 of annexes 3-2 and 3-3."""
BAR_COLUMNS = 30
WEAKEST_DBM, STRONGEST_DBM = -95.0, -30.0
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `survey`."""
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--point", metavar="楼-室", help="要测的点 / the point, building-room")
    what.add_argument("--walk", action="store_true", help="逐点走完 / every point that is left")
    add("--other", action="store_true", help="走廊、操场等，要求较低 / not a teaching room")
    add("--points", type=Path, metavar="FILE", help="点位文件 / list of points")
    add("--ssid", action="append", metavar="NAME", help="本校网络名，可多次 / own network, repeat")
    add("--interface", metavar="NAME", help="无线网卡，缺省第一块 / card, default the first")
    add("--rate", action="store_true", help="同时测该室的终端速率 / also the terminal's rate here")
    add(
        "--rate-server", metavar="URL", help="校内测速服务器，缺省见配置 / server inside the school"
    )
    add("--seconds", type=float, default=8.0, metavar="S", help="每点监听秒数 / (%(default)s)")
    add("--scan-file", type=Path, metavar="FILE", help="读保存的扫描，不监听 / a saved scan")
    add_state(parser)
    add_config(parser)
    add_format(parser, "table", "json")


def run(arguments: argparse.Namespace) -> int:
    """Measure a point, walk the list, or show the progress; see the exit codes in the help."""
    try:
        settings = _settings(arguments)
        points = read_points(settings.points_file) if settings.points_file else []
        kind: PointKind = "other" if arguments.other else "teaching"
        asked = parse_point(arguments.point, kind) if arguments.point else None
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    folder = arguments.state / "probes" / WirelessSurvey.name
    record = SurveyRecord(folder / "survey.json")
    if asked is None and not arguments.walk:
        return _show_progress(arguments, points, record)
    if not settings.own_ssids:
        sys.stderr.write(
            "请在 [probes.wireless_survey] own_ssids 或 --ssid 写明本校无线网络名。\n"
            "Name the school's own network: own_ssids in the settings, or --ssid.\n"
        )
        return 2
    surveyor = _Surveyor(arguments, settings, points, folder, record)
    if arguments.rate and not surveyor.rate_settings.server:
        sys.stderr.write(_refusal(TroubleError(NO_SERVER)))
        return 2
    if asked is not None:
        listed = next((one for one in points if one.target == asked.target), asked)
        return surveyor.visit(asked if arguments.other else listed)
    return surveyor.walk()


def _settings(arguments: argparse.Namespace) -> WirelessSurveySettings:
    found = load_settings(arguments.config).probes[WirelessSurvey.name].own
    if not isinstance(found, WirelessSurveySettings):
        raise TypeError("settings of another probe")
    return replace(
        found,
        own_ssids=tuple(arguments.ssid) if arguments.ssid else found.own_ssids,
        interface=arguments.interface or found.interface,
        points_file=arguments.points or found.points_file,
    )


def _rate_settings(arguments: argparse.Namespace) -> WirelessRateSettings:
    found = load_settings(arguments.config).probes[WirelessRate.name].own
    if not isinstance(found, WirelessRateSettings):
        raise TypeError("settings of another probe")
    return replace(found, server=arguments.rate_server or found.server)


def _rate_line(reading: Reading) -> str:
    rate = reading.values.get("goodput_mbps")
    if rate is None:
        return _refusal(TroubleError(reading.reason or "", str(reading.details.get("detail", ""))))
    held = f"，受限于 limited by {'、'.join(reading.limited_by)}" if reading.limited_by else ""
    mark = "✓" if rate >= ENOUGH_MBPS else "✗"
    return f"{mark} 终端速率 terminal's rate {rate:.1f} Mbit/s（要求 ≥ {ENOUGH_MBPS:g}）{held}\n"


class _Surveyor:
    """One technician with one notebook."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        settings: WirelessSurveySettings,
        points: Sequence[Point],
        folder: Path,
        record: SurveyRecord,
    ) -> None:
        self._arguments = arguments
        self._settings = settings
        self._points = points
        self._folder = folder
        self._record = record
        self._as_json = arguments.format == "json"
        self.rate_settings = _rate_settings(arguments)

    def walk(self) -> int:
        """Visit every point that is left, waiting for Enter at each."""
        left = [one for one in self._points if one.target not in self._record.visited()]
        if not self._points:
            sys.stderr.write("缺点位文件：--points FILE / a list of points is needed\n")
            return 2
        code = 0
        for number, point in enumerate(left, start=1):
            sys.stderr.write(
                f"[{number}/{len(left)}] 请走到 {point.target}，按回车（q 结束，s 跳过）"
                " / go there, press Enter (q ends, s skips): "
            )
            sys.stderr.flush()
            answer = sys.stdin.readline()
            if not answer or answer.strip().lower() == "q":
                break
            if answer.strip().lower() != "s":
                code = max(code, self.visit(point))
        return code

    def visit(self, point: Point) -> int:
        """Listen at one point, show, judge, leave it for the agent."""
        context = Context(on_demand=True)
        try:
            found = self._listen(point, context)
            reading = point_reading(point, found, self._settings, context)
            leave_visit(self._folder, reading)
            self._record.note(reading)
        except TroubleError as error:
            sys.stderr.write(_refusal(error))
            return 1
        except TooManyVisitsError as error:
            sys.stderr.write(
                f"{error} 中积压的测点过多：请先在本机运行 campusgauge-agent run 上报。\n"
                "Too many visits wait to be reported: run campusgauge-agent run here first.\n"
            )
            return 1
        rate = self._rate(point, context) if self._arguments.rate else None
        if self._as_json:
            taken = [reading_fields(one) for one in (reading, rate) if one is not None]
            sys.stdout.write(json.dumps(taken, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(_report(reading, self._settings, found))
            if self._points:
                sys.stdout.write(self._record.progress_line(self._points) + "\n")
            if rate is not None:
                sys.stdout.write(_rate_line(rate))
        return 0 if reading.values.get("covered") == 1.0 else 1

    def _rate(self, point: Point, context: Context) -> Reading:
        """Measure the terminal's rate and leave it for the probe of that name."""
        sys.stderr.write("测速中 measuring the rate …\n")
        reading = measure_room(point, self.rate_settings, context)
        leave_visit(self._folder.parent / WirelessRate.name, reading)
        return reading

    def _listen(self, point: Point, context: Context) -> Scan:
        if self._arguments.scan_file is not None:
            return read_scan_file(self._arguments.scan_file)
        picture = _Picture(sys.stderr, point, self._settings)
        scans: list[Scan] = []
        until = time.monotonic() + max(self._arguments.seconds, 0.0)
        try:
            while not scans or time.monotonic() < until:
                scans.append(scan(self._settings.interface, context.sys_root))
                merged = merge_scans(one.heard for one in scans)
                picture.draw(Scan(scans[-1].tool, merged), until - time.monotonic())
        finally:
            picture.clear()
        noise = {mhz: level for one in scans for mhz, level in one.noise_dbm.items()}
        return Scan(scans[-1].tool, merge_scans(one.heard for one in scans), noise)


def _refusal(error: TroubleError) -> str:
    from rubrics.reasons import load_reasons

    words = load_reasons().get(error.reason)
    lines = [f"✗ 没有测成 not measured: {error.reason} {error.detail}".rstrip()]
    lines += [f"  {words.zh}", f"  {words.en}"] if words else []
    return "\n".join(lines) + "\n"


class _Picture:
    """The strongest own radios as bars, redrawn at every scan; silent without a terminal."""

    def __init__(self, out: TextIO, point: Point, settings: WirelessSurveySettings) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._point = point
        self._settings = settings
        self._lines = 0

    def draw(self, found: Scan, left_s: float) -> None:
        if not self._is_terminal:
            return
        self.clear()
        lines = [f"{self._point.target}  监听中 listening … {max(left_s, 0):.0f} s"]
        lines += bars_of(found, self._settings)
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()
        self._lines = len(lines)

    def clear(self) -> None:
        """Remove what was drawn."""
        if self._is_terminal and self._lines:
            self._out.write(f"\x1b[{self._lines}A\x1b[J")
            self._out.flush()
            self._lines = 0


def bars_of(found: Scan, settings: WirelessSurveySettings) -> list[str]:
    """Return a line a radio: name, channel, a bar of the signal, dBm."""
    lines = []
    for one in strongest_own(found.heard, settings.own_ssids)[:SHOWN]:
        signal = one.signal_dbm
        share = 0.0
        if signal is not None:
            share = (signal - WEAKEST_DBM) / (STRONGEST_DBM - WEAKEST_DBM)
        filled = round(min(max(share, 0.0), 1.0) * BAR_COLUMNS)
        level = "?" if signal is None else f"{signal:.0f} dBm"
        channel = "?" if one.channel is None else str(one.channel)
        bar = "█" * filled + "·" * (BAR_COLUMNS - filled)
        lines.append(f"  {pad(one.ssid, 16)} {one.bssid}  信道 ch {channel:>3}  {bar} {level}")
    return lines or ["  没有听到本校网络 the school's network is not heard"]


def _report(reading: Reading, settings: WirelessSurveySettings, found: Scan) -> str:
    from rubrics.reasons import load_reasons

    covered = reading.values.get("covered")
    mark = "? 不确定 unsure" if reading.limited_by else "✗ 未覆盖 not covered"
    mark = "✓ 已覆盖 covered" if covered == 1.0 and not reading.limited_by else mark
    lines = [f"{reading.target}  {mark}", *bars_of(found, settings)]
    if reading.reason and (words := load_reasons().get(reading.reason)):
        lines += [f"  {words.zh}", f"  {words.en}"]
    return "\n".join(lines) + "\n"


def _show_progress(
    arguments: argparse.Namespace, points: Sequence[Point], record: SurveyRecord
) -> int:
    if arguments.format == "json":
        sys.stdout.write(json.dumps(record.progress(points), ensure_ascii=False) + "\n")
        return 0
    if not points and not record.visited():
        sys.stdout.write(
            "还没有测点。先写点位文件，再用 --point 或 --walk / no point yet; see --help\n"
        )
        return 0
    sys.stdout.write("\n".join(record.progress_table(points)) + "\n")
    return 0
