# 校园标尺采集端离线安装；再次运行即升级，密钥和数据保留。以管理员身份运行。
# Installs the CampusGauge agent offline; run again to upgrade, key and data stay. As administrator.
#   powershell -ExecutionPolicy Bypass -File install.ps1 [-Prefix DIR] [-NoService]
param([string]$Prefix = "$env:ProgramFiles\CampusGauge", [switch]$NoService)
$ErrorActionPreference = 'Stop'
Set-Location -LiteralPath $PSScriptRoot
foreach ($line in Get-Content -LiteralPath 'SHA256SUMS') {
  $sum, $name = $line -split '  ', 2
  if ((Get-FileHash -Algorithm SHA256 -LiteralPath $name).Hash -ne $sum) {
    throw "安装包不完整 the bundle is damaged: $name"
  }
}
$python = Join-Path $Prefix 'Scripts\python.exe'
if (-not (Test-Path -LiteralPath $python)) {
  & py.exe '-@PYTHON@' -m venv $Prefix
  if ($LASTEXITCODE -ne 0) { throw '需要 Python @PYTHON@ needs Python @PYTHON@' }
}
$own = (Get-ChildItem -Path 'wheels\campusgauge-*.whl').FullName
& $python -m pip install --quiet --no-index --find-links wheels --upgrade "$own[agent,snmp]"
if ($LASTEXITCODE -ne 0) { throw 'pip' }
& $python -m pip install --quiet --no-index --no-deps --force-reinstall $own
if ($LASTEXITCODE -ne 0) { throw 'pip' }
$agent = Join-Path $Prefix 'Scripts\campusgauge-agent.exe'
Write-Output "已安装 installed: $agent"
if (-not $NoService) { & $agent install; exit $LASTEXITCODE }
