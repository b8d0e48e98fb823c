"""The commands of `campusgauge`, one file per group."""
