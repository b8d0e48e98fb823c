"""LibreSpeed's and a mini server's clients find at our server what they ask for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]
MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("name", ["/garbage", "/garbage.php", "/backend/garbage.php"])
@pytest.mark.parametrize(("asked", "chunks"), [("", 4), ("ckSize=1", 1), ("ckSize=0", 4)])
def test_garbage_has_the_size_asked_for(start: Start, name: str, asked: str, chunks: int) -> None:
    """Four MiB unless `ckSize` says otherwise, under every name a page may use."""
    status, headers, body = start(open=True).request("GET", f"{name}?{asked}&cors=true&r=0.1")
    assert status == 200
    assert len(body) == chunks * MEBIBYTE
    assert headers["content-type"] == "application/octet-stream"
    assert "no-store" in headers["cache-control"]
    assert "no-transform" in headers["cache-control"]
    assert headers["access-control-allow-origin"] == "*"
    assert "content-encoding" not in headers


def test_garbage_cannot_be_compressed_and_is_not_repeated(start: Start) -> None:
    """A box that compresses on the way gains nothing, and two answers differ."""
    import zlib

    server = start(open=True)
    first, second = (server.request("GET", "/garbage?ckSize=1")[2] for _ in range(2))
    assert len(zlib.compress(first, 1)) > 0.99 * len(first)
    assert first != second


@pytest.mark.parametrize("name", ["/empty", "/empty.php", "/backend/empty.php"])
def test_empty_answers_a_ping_and_swallows_an_upload(start: Start, name: str) -> None:
    """The same address is ping and sink; neither answers with a body."""
    server = start(open=True)
    for method, body in (("GET", b""), ("POST", b"x" * MEBIBYTE), ("POST", b"")):
        status, headers, answer = server.request(method, f"{name}?cors=true&r=0.2", None, body)
        assert (status, answer, headers["content-length"]) == (200, b"", "0")
        assert "no-cache" in headers["pragma"]


def test_a_browser_may_send_an_upload_from_a_page_of_another_host(start: Start) -> None:
    """LibreSpeed's upload sets Content-Encoding and Content-Type, so browsers ask first."""
    status, headers, _ = start(open=True).request(
        "OPTIONS",
        "/backend/empty.php?cors=true",
        {
            "Origin": "http://page.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-encoding,content-type",
        },
    )
    assert status in (200, 204)
    assert headers["access-control-allow-origin"] == "*"
    assert "POST" in headers["access-control-allow-methods"]
    assert "content-encoding" in headers["access-control-allow-headers"].lower()
    assert headers["timing-allow-origin"] == "*"


@pytest.mark.parametrize("query", ["", "?isp=true", "?isp=true&distance=km&cors=true"])
def test_the_address_is_told_without_asking_strangers(start: Start, query: str) -> None:
    """Provider and distance are unknown on an intranet: both fields are there, nothing is made up.

    LibreSpeed's page shows `processedString` and takes an empty `rawIspInfo` for unknown.
    """
    status, headers, body = start(open=True).request("GET", f"/backend/getIP.php{query}")
    assert status == 200
    assert headers["content-type"].startswith("application/json")
    told = json.loads(body)
    assert told["processedString"].startswith("127.0.0.1")
    assert told["rawIspInfo"] == ""


def test_a_head_request_is_answered_without_a_body(start: Start) -> None:
    """Load balancers and proxies look with HEAD whether somebody is there."""
    status, _, body = start(open=True).request("HEAD", "/backend/empty.php")
    assert (status, body) == (200, b"")


def test_speedtest_cli_finds_a_mini_server(start: Start) -> None:
    """Recognition, pictures of the sizes it expects, and an upload that is answered with 200."""
    server = start(open=True)
    assert server.request("GET", "/speedtest/latency.txt?x=1.0")[2] == b"test=test\n"
    assert server.request("GET", "/speedtest/upload.php")[2].startswith(b"size=")
    assert len(server.request("GET", "/speedtest/random350x350.jpg?x=1.0")[2]) == 245_388
    assert server.request("POST", "/speedtest/upload.php", None, b"x" * 4096)[0] == 200
    for no_picture in ("random351x351.jpg", "random350x500.jpg", "random350x350.png"):
        assert server.request("GET", f"/speedtest/{no_picture}")[0] == 404


def test_pictures_need_a_session_where_tokens_are_asked_for(start: Start) -> None:
    """The mini server's files are no way around slots."""
    server = start()
    assert server.request("GET", "/speedtest/random350x350.jpg")[0] == 401
    assert server.request("POST", "/speedtest/upload.php", None, b"x")[0] == 401


def test_a_session_counts_requests_made_one_after_the_other(start: Start) -> None:
    """speedtest-cli makes a connection per file, 91 in all, eight at a time: none is refused."""
    server = start(open=True)
    session = server.open_session()["session"]
    for _ in range(45):
        status, _, _ = server.request(
            "POST", "/speedtest/upload.php", {"CampusGauge-Session": session}, b"x" * 100
        )
        assert status == 200
    ended = server.request("DELETE", "/session", {"CampusGauge-Session": session})
    assert json.loads(ended[2])["uploaded_bytes"] == 4500
