"""Asking network devices over SNMP: switches, outlets, wireless controllers, power supplies.

Read-only. `settings.py` is light; the rest is imported in the child process of a probe only.
`vendors/` holds what manufacturers put where, as data: a new device is a new file, not new code.
"""
