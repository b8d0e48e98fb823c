"""Publishing: what is frozen when a round is published, and the bundle that proves it anywhere."""
