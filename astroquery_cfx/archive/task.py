# Licensed under a 3-clause BSD style license - see LICENSE
"""One query on its way: what the request asks for, and its answer, at once or as a job."""

from .documents import error_document
from .formats import find_format
from .sql import QueryError
from .uploads import read_uploads
from .web import Answer

__all__ = ["Task"]

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
        result = self.service.query(
            self.query, maxrec=self.maxrec, uploads=self.uploads, on_start=on_start
        )
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
