"""`campusgauge up`: the whole line on one host, for a first look and for trying things out."""
