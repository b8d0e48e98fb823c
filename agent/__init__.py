"""The CampusGauge agent: measures a school's network from a host inside it."""
