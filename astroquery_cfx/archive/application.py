# Licensed under a 3-clause BSD style license - see LICENSE
"""The resources of the TAP service: which answer belongs to which request."""

from .formats import find_format
from .sql import QueryError
from .uploads import read_uploads
from .vosi import availability_document, capabilities_document, tables_document
from .votable import error_document
from .web import Answer

__all__ = ["Application", "Task"]

LANGUAGES = {"ADQL", "ADQL-2.0", "ADQL-2.1"}


class Task:
    """A query that is understood, and not run yet."""

    def __init__(self, service, parameters, files):
        self.service = service
        self.query = _last(parameters, "QUERY") or ""
        self.problem = self._understand(parameters, files)

    def _understand(self, parameters, files):
        try:
            self.maxrec = _maxrec(_last(parameters, "MAXREC"))
            wanted = _last(parameters, "RESPONSEFORMAT") or _last(parameters, "FORMAT")
            self.media_type, self.writer = find_format(wanted)
            if (_last(parameters, "REQUEST") or "doQuery") != "doQuery":
                raise QueryError(f"REQUEST {_last(parameters, 'REQUEST')} is not supported")
            language = _last(parameters, "LANG")
            if language is not None and language.upper() not in LANGUAGES:
                raise QueryError(f"LANG {language} is not supported: use ADQL")
            if not self.query.strip():
                raise QueryError("QUERY is missing")
            self.uploads = read_uploads(parameters.get("UPLOAD", []), files)
        except QueryError as error:
            return str(error)
        return ""

    def run(self, on_start=None):
        """
        Run the query.

        Raises
        ------
        QueryError
            If the request or the query is wrong.
        """
        if self.problem:
            raise QueryError(self.problem)
        result = self.service.query(self.query, maxrec=self.maxrec, uploads=self.uploads, on_start=on_start)
        return Answer(self.writer(result), self.media_type)

    def answer(self):
        """Run the query. What is wrong with it is an answer too, with status 200 where SQL is at fault."""
        try:
            return self.run()
        except QueryError as error:
            return Answer([error_document(error, self.query)], status=400 if self.problem else 200)


def _last(parameters, name):
    return parameters.get(name, [None])[-1]


def _maxrec(text):
    if text is None or not text.strip():
        return None
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise QueryError(f"MAXREC {text} is no number of rows")
    return value


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
        from .uws import Jobs

        self.service = service
        self.root = root
        self.url = ""
        self.jobs = Jobs(service)

    def answer(self, request):
        """Answer a request, whatever it asks."""
        path = request.path.rstrip("/")
        if not path.startswith(self.root + "/tap"):
            return not_found(request)
        resource, *below = path[len(self.root + "/tap"):].strip("/").split("/")
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
