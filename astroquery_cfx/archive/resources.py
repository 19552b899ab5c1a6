# Licensed under a 3-clause BSD style license - see LICENSE
"""The resources of the service (TAP 1.1, section 2): which response belongs to which request."""

from pathlib import Path
from urllib.parse import urlsplit

from .behaviour import Behaviour
from .jobs import EXECUTION_DURATION, RETENTION, Jobs
from .language import GEOMETRY_FUNCTIONS, QueryError, RequestError
from .serialize import FORMATS, error_document
from .service import UPLOAD_ROWS, Service
from .tap_schema import tableset
from .web import Request, Response

_DATA = Path(__file__).parent / "data"


class Application:
    """All resources below the URL of the VO services."""

    def __init__(self, service: Service, url: str):
        self.service = service
        self.url = url
        self.jobs = Jobs(service)

    def respond(self, request: Request) -> Response:
        """Answer a request. All requests enter here."""
        root, _, resource = request.path.rstrip("/").partition("/tap/")
        if root == urlsplit(self.url).path:
            try:
                response = self._resource(request, resource.strip("/").split("/"))
            except QueryError as error:
                # Errors in the query have status 200, as at HEASARC and DaCHS (TAP 1.1, section
                # 3.3, allows it); errors in the parameters have 400 (DALI 1.1, section 4.2).
                status = 400 if isinstance(error, RequestError) else 200
                return Response([error_document(error, request.last("QUERY"))], status=status)
            except Exception as error:  # noqa: BLE001  (a client must not wait for ever)
                return Response([error_document(f"internal error: {error!r}", "")], status=500)
            if response is not None:
                return response
        return Response.text(f"There is nothing at {request.path}.\n", 404)

    def _resource(self, request: Request, path: list[str]) -> Response | None:
        match path:
            case ["sync"]:
                return self.service.respond(request)
            case ["async", *below]:
                return self.jobs.respond(request, below, f"{self.url}/tap/async")
            case ["tables"]:
                return Response([tableset(self.service.database.tables.values())])
            case ["capabilities"]:
                return Response([_capabilities(f"{self.url}/tap", self.service.behaviour)])
            case ["availability"]:  # VOSI 1.1, section 3.2: who can read it knows that it is up
                return Response([(_DATA / "availability.xml").read_bytes()])
        return None


def _capabilities(url: str, behaviour: Behaviour) -> bytes:
    """Return what the service can do, and its limits (VOSI 1.1, section 3.1; TAPRegExt 1.0)."""
    hard = behaviour.hard_limit
    formats = "".join(
        f"    <outputFormat>\n      <mime>{media_type}</mime>\n"
        f"      <alias>{name}</alias>\n    </outputFormat>\n"
        for name, (media_type, _, _) in FORMATS.items()
    )
    features = "".join(
        f"        <feature><form>{name}</form></feature>\n" for name in GEOMETRY_FUNCTIONS
    )
    template = (_DATA / "capabilities.xml").read_text(encoding="utf-8")
    return template.format(
        url=url,
        features=features,
        formats=formats,
        retention=RETENTION.total_seconds(),
        duration=EXECUTION_DURATION,
        default_limit=behaviour.default_limit,
        hard_limit="" if hard is None else f'\n      <hard unit="row">{hard}</hard>',
        upload_rows=UPLOAD_ROWS,
    ).encode()
