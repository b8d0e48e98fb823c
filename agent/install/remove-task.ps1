# 停止并删除计划任务 / stop and remove the task. 以管理员身份运行 / run as administrator.
$ErrorActionPreference = 'Stop'
Stop-ScheduledTask -TaskName '@TASK@' -ErrorAction SilentlyContinue
Unregister-ScheduledTask -TaskName '@TASK@' -Confirm:$false -ErrorAction SilentlyContinue
Write-Output '已删除 removed: @TASK@'
