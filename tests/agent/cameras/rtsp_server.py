"""A real RTSP server with real encoders; run by the system's Python, which has GStreamer.

Prints the port once it serves. Ends when its standard input closes.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions come first

X264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"
X265 = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10"


def picture(width: int, height: int, form: str = "I420") -> str:
    """Return a source of moving pictures."""
    size = f"width={width},height={height},framerate=5/1,format={form}"
    return f"videotestsrc is-live=true ! video/x-raw,{size}"


BARE = (
    "! capssetter join=false replace=true caps=application/x-rtp,media=video,payload=96,"
    "clock-rate=90000,encoding-name={} name=pay0"
)
STREAMS = {
    "/h264_1080": f"{picture(1920, 1080)} ! {X264} ! rtph264pay name=pay0 pt=96",
    "/h264_1080_high": f"{picture(1920, 1080)} ! {X264} ! video/x-h264,profile=high ! "
    "rtph264pay name=pay0 pt=96",
    "/h264_720": f"{picture(1280, 720)} ! {X264} ! rtph264pay name=pay0 pt=96",
    "/h264_444": f"{picture(1922, 1082, 'Y444')} ! {X264} ! rtph264pay name=pay0 pt=96",
    "/h265_1080": f"{picture(1920, 1080)} ! {X265} ! rtph265pay name=pay0 pt=96",
    "/bare_h264": f"{picture(1920, 1080)} ! {X264} ! rtph264pay config-interval=-1 pt=96 "
    + BARE.format("H264"),
    "/bare_h265": f"{picture(1280, 720)} ! {X265} ! rtph265pay config-interval=-1 pt=96 "
    + BARE.format("H265"),
    "/sound": "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8",
    "/mjpeg": f"{picture(640, 480)} ! jpegenc ! rtpjpegpay name=pay0 pt=26",
}


def guard(server: GstRtspServer.RTSPServer, method: str) -> None:
    """Ask for the user `view` by Basic or Digest, for every stream."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if method == "basic":
        auth.set_supported_methods(Gst_RTSP.RTSPAuthMethod.BASIC)
        basic = GstRtspServer.RTSPAuth.make_basic("view", "s3cret word")
        auth.add_basic(basic, token)
    else:
        auth.set_supported_methods(Gst_RTSP.RTSPAuthMethod.DIGEST)
        auth.add_digest("view", "s3cret word", token)
    server.set_auth(auth)


def main() -> None:
    """Serve until standard input closes."""
    method = sys.argv[1] if len(sys.argv) > 1 else ""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    mounts = server.get_mount_points()
    for path, pipeline in STREAMS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        if method:
            permissions = GstRtspServer.RTSPPermissions()
            may = True
            permissions.add_permission_for_role("viewer", "media.factory.access", may)
            permissions.add_permission_for_role("viewer", "media.factory.construct", may)
            factory.set_permissions(permissions)
        mounts.add_factory(path, factory)
    if method:
        guard(server, method)
    server.attach(None)
    loop = GLib.MainLoop()
    GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    gi.require_version("GstRtsp", "1.0")
    from gi.repository import GstRtsp as Gst_RTSP

    main()
