"""Install the Debian packages that the tests start as real servers, where that is possible.

As root on Debian or Ubuntu the missing ones are installed. Elsewhere it says which tests will be
skipped for want of them; under CI (the variable CI is set) that is an error instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# program looked for -> (package, what the tests do with it)
NEEDED = {
    "pg_ctlcluster": ("postgresql", "记录库在 PostgreSQL 上 · records in PostgreSQL"),
    "chromium": ("chromium", "网页测试 · pages in a real browser"),
    "nginx": ("nginx-light", "TLS 推送 · push over TLS"),
    "promtool": ("prometheus", "指标格式 · metrics read by Prometheus itself"),
    "iperf3": ("iperf3", "测速对照 · bandwidth reference"),
    "ip": ("iproute2", "网络命名空间 · network namespaces"),
    "systemd-analyze": ("systemd", "服务单元检查 · the service unit checked by systemd"),
    "tshark": ("tshark", "抓包对照 · captures read by another dissector"),
    "snmpd": ("snmpd", "交换机探针 · a real SNMP agent"),
    "upsd": ("nut-server", "不间断电源 · a real UPS daemon"),
    "chronyd": ("chrony", "时钟探针 · a real NTP server"),
    "restic": ("restic", "备份探针 · a real backup"),
}
# A library for the system's own Python, no program: the RTSP server with its encoders.
RTSP_SERVER = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
    "gstreamer1.0-plugins-bad",
)
HAS_RTSP_SERVER = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst;"
    "Gst.init(None); assert Gst.ElementFactory.find('x264enc');"
    "assert Gst.ElementFactory.find('x265enc'); assert Gst.ElementFactory.find('capssetter')"
)
CHINESE_FONT = "fonts-noto-cjk"


def missing_packages() -> list[str]:
    """Return the packages whose program (or font) this machine does not have."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [
        package for program, (package, _) in NEEDED.items() if not shutil.which(program, path=path)
    ]
    fonts = shutil.which("fc-list") and subprocess.run(
        ["fc-list", ":lang=zh-cn"], capture_output=True, text=True, check=False
    )
    if not fonts or not fonts.stdout.strip():
        missing.append(CHINESE_FONT)
    has_server = ["/usr/bin/python3", "-c", HAS_RTSP_SERVER]
    if (
        not Path(has_server[0]).exists()
        or subprocess.run(has_server, capture_output=True, check=False).returncode
    ):
        missing += RTSP_SERVER
    return missing


def main() -> int:
    """Install what is missing, or say what its absence means."""
    missing = missing_packages()
    if not missing:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"安装系统软件包 · installing {' '.join(missing)}", flush=True)
        # Debian would start nginx and prometheus at installation; the tests start their own.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends"]):
            arguments = command + (missing if command[0] == "install" else [])
            done = subprocess.run(
                ["apt-get", *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                print(done.stdout[-3000:])
                return done.returncode
        missing = missing_packages()
    if missing and os.environ.get("CI"):
        print(f"CI 需要这些软件包 · CI needs these packages: {' '.join(missing)}")
        return 1
    for program, (package, purpose) in NEEDED.items():
        if package in missing:
            print(f"没有 {program}（{package}），将跳过 · without it skipped: {purpose}")
    if RTSP_SERVER[0] in missing:
        print("没有 GStreamer RTSP 服务器，将跳过 · without it skipped: 摄像机探针 · cameras")
    return 0


if __name__ == "__main__":
    sys.exit(main())
