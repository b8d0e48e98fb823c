"""What the operating system says about this host.

Pure parsers beside the small functions that read for them; several probes share them. Roots such
as /proc and /sys are passed in, so that recorded systems can be parsed anywhere.
"""
