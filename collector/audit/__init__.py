"""The audit chain as people see it: read, verify, export."""
