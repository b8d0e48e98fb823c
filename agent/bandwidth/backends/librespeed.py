"""LibreSpeed servers of others: found, measured, and judged by what they can confirm.

Such a server opens no session and counts nothing. So:

* Download is measured as by the engine, by this end's own count, whatever chunks or sizes the
  server sends (`librespeed_transfer`).
* Upload counts what this kernel knows to be delivered. A box on the way may acknowledge early, so
  every started POST is finished afterwards: the upload stands only when the server answered them
  all, and no later than a box without a large buffer would let it.
* Who else uses the server is unknown, and nobody keeps slots there. Prefer the bureau's server.
"""

from __future__ import annotations

from agent.bandwidth.backends.base import Request
from agent.bandwidth.backends.librespeed_transfer import ForeignDownload, ForeignUpload
from agent.bandwidth.connection import Answer, Endpoint, endpoint, exchange
from agent.bandwidth.engine import Direction
from agent.bandwidth.engine import measure as measure_line
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.result import Result
from agent.bandwidth.session import Session

PLACES = (("", ".php"), ("/backend", ".php"), ("", ""), ("/backend", ""))
"""Where the endpoints are: folder below the address given, ending of the names."""
MOVERS = {Direction.DOWNLOAD: ForeignDownload, Direction.UPLOAD: ForeignUpload}


def measure(request: Request) -> Result:
    """Measure against the LibreSpeed server at the URL `server`.

    Raises MeasurementError: not_librespeed where no such endpoints are found, upload_not_counted
    where the server does not confirm uploads, and those of the engine.
    """
    where = endpoint(
        request.server, source=request.source, proxy=request.proxy, ca_file=request.ca_file
    )
    session = find_endpoints(where)
    result = measure_line(
        session.where,
        directions=request.directions,
        caps=request.caps,
        memory=request.memory,
        progress=request.progress,
        session=session,
        movers=MOVERS,
    )
    return result._replace(backend="librespeed", backend_version=None)


def find_endpoints(where: Endpoint) -> Session:
    """Look for the server's endpoints; raises MeasurementError."""
    seen = []
    for folder, suffix in PLACES:
        place = where._replace(path=where.path + folder)
        answer = exchange(place, "GET", f"/empty{suffix}", {})
        if _is_empty(answer):
            return Session(place, suffix=suffix, rtt_s=answer.rtt_s or 0.05)
        seen.append(f"{folder}/empty{suffix}: HTTP {answer.status}")
    raise MeasurementError("not_librespeed", "; ".join(seen))


def _is_empty(answer: Answer) -> bool:
    """Whether this answers a ping: success and nothing in it, unlike a page for everything."""
    return answer.status in (200, 204) and not answer.body.strip()
