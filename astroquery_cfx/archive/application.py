# Licensed under a 3-clause BSD style license - see LICENSE
"""The resources of the TAP service: which answer belongs to which request."""

from .documents import error_document
from .jobs import Jobs
from .task import Task
from .vosi import availability_document, capabilities_document, tables_document
from .web import Answer

__all__ = ["Application"]


class Application:
    """
    All resources below one URL.

    Parameters
    ----------
    service : Service
        Answers the queries.
    root : str
        Path of the VO services, e.g. ``/xamin/vo``.
    """

    def __init__(self, service, root):
        self.service = service
        self.root = root
        self.url = ""
        self.jobs = Jobs(service)

    def answer(self, request):
        """Answer a request, whatever it asks."""
        path = request.path.rstrip("/")
        if not path.startswith(self.root + "/tap"):
            return not_found(request)
        resource, *below = path[len(self.root + "/tap") :].strip("/").split("/")
        method = getattr(self, f"_{resource}", None) if resource in _RESOURCES else None
        if method is None or (below and resource != "async"):
            return not_found(request)
        try:
            return method(request, below)
        except Exception as error:  # noqa: BLE001  (a client must not wait for an answer that never comes)
            return Answer([error_document(f"internal error: {error!r}", "")], status=500)

    def _sync(self, request, below):
        return Task(self.service, request.parameters, request.files).answer()

    def _async(self, request, below):
        return self.jobs.answer(request, below, self.url + "/tap/async")

    def _tables(self, request, below):
        return Answer([tables_document(list(self.service.database.tables.values()))])

    def _capabilities(self, request, below):
        return Answer([capabilities_document(self.url + "/tap", self.service.behaviour)])

    def _availability(self, request, below):
        return Answer([availability_document()])


_RESOURCES = {"sync", "async", "tables", "capabilities", "availability"}


def not_found(request):
    """There is nothing of that name."""
    return Answer([f"There is nothing at {request.path}.\n".encode()], "text/plain", 404)
