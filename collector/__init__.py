"""The CampusGauge collector: takes readings in, merges them with entries, scores and shows."""
