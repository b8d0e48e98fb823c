"""The bureau's measurement server and the slots in which schools may use it."""
