"""What is heard of wireless networks: scans as text, captured frames, survey points.

Only networks named in the settings as the school's own keep their name and addresses; all others
become counts before anything leaves a probe.
"""
