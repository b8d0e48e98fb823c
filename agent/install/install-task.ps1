# 校园标尺采集端：登记为开机启动的计划任务 / the CampusGauge agent as a task that starts with Windows.
# 以管理员身份运行 / run as administrator.
$ErrorActionPreference = 'Stop'
$program = '@PROGRAM@'
$state = '@STATE@'
$config = '@CONFIG@'
New-Item -ItemType Directory -Force -Path $state | Out-Null
# 密钥只给系统、管理员和服务账户 / the key is for the system, administrators and the service account.
& icacls.exe $state /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-19:(OI)(CI)M' | Out-Null
if ($LASTEXITCODE -ne 0) { throw 'icacls failed' }
$action = New-ScheduledTaskAction -Execute $program -Argument "run --state `"$state`" --config `"$config`""
$trigger = New-ScheduledTaskTrigger -AtStartup
$principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-19' -LogonType ServiceAccount -RunLevel Limited
$settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) -MultipleInstances IgnoreNew
Register-ScheduledTask -TaskName '@TASK@' -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Force | Out-Null
Start-ScheduledTask -TaskName '@TASK@'
Write-Output '已安装并启动 installed and started: @TASK@'
