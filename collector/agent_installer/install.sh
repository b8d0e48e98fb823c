#!/bin/sh
# 校园标尺采集端离线安装；再次运行即升级，密钥和数据保留。
# Installs the CampusGauge agent offline; run again to upgrade, key and data stay.
#   sh install.sh [--prefix DIR] [--no-service]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=/opt/campusgauge
service=yes
python=${PYTHON:-python@PYTHON@}
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix) prefix=$2; shift 2 ;;
    --no-service) service=no; shift ;;
    *) echo "用法 usage: sh install.sh [--prefix DIR] [--no-service]" >&2; exit 2 ;;
  esac
done
cd "$here"
sha256sum --check --quiet SHA256SUMS || {
  echo "安装包不完整，请重新拷贝 the bundle is damaged, copy it again" >&2; exit 1; }
"$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "@PYTHON@")' || {
  echo "需要 Python @PYTHON@（可用 PYTHON=路径 指定）needs Python @PYTHON@: set PYTHON=…" >&2; exit 1; }
[ -x "$prefix/bin/python" ] || "$python" -m venv "$prefix"
own=$(ls wheels/campusgauge-*.whl)
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
  --find-links wheels --upgrade "$own[agent,snmp]"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
  --no-deps --force-reinstall "$own"
echo "已安装 installed: $prefix/bin/campusgauge-agent"
if [ "$service" = yes ]; then
  exec "$prefix/bin/campusgauge-agent" install
fi
