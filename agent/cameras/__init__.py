"""How cameras and recorders are asked: RTSP and ONVIF, and the size of the picture by its SPS."""
