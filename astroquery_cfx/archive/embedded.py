# Licensed under a 3-clause BSD style license - see LICENSE
"""The embedded archive: tables in, a running TAP service on loopback out."""

import threading
from pathlib import Path

from ..errors import InvalidInputError, MissingDependencyError, OutputError
from .behaviour import Behaviour

__all__ = ["EmbeddedArchive", "simulated_tables"]

ROOT = "/xamin/vo"


def simulated_tables():
    """
    The tables that the archive serves when none are given.

    Returns
    -------
    dict of str to `~pathlib.Path` or `~astropy.table.Table`
        ``csc`` and ``chanmaster`` of the simulated sky, made at first use and kept in the cache, and
        ``fermilpsc`` made from the real 4FGL-DR4 that the package ships.
    """
    from .fermilpsc import fermilpsc_table
    from .sky import simulated_sky

    return simulated_sky() | {"fermilpsc": fermilpsc_table()}


class EmbeddedArchive:
    """
    A TAP service on 127.0.0.1 that answers as HEASARC's does.

    Parameters
    ----------
    tables : dict of str to path or `~astropy.table.Table`, optional
        What to serve: FITS, VOTable, ECSV, CSV or Parquet files, or tables, by name.
        The simulated sky by default.
    port : int, optional
        Where to listen; any free port by default.
    behaviour : Behaviour, optional
        How to answer where services differ; as HEASARC's by default.
    intercept : callable, optional
        ``intercept(request, answer)`` gives the answer to send in the place of ``answer``: a
        place for faults in trials of clients.

    Raises
    ------
    MissingDependencyError
        If DuckDB or sqlglot is not installed.
    InvalidInputError
        If a name or the port cannot be.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.archive import EmbeddedArchive
    >>> import pyvo
    >>> stars = Table({"name": ["a", "b"], "ra": [10.0, 20.0], "dec": [0.0, 5.0]})
    >>> with EmbeddedArchive({"stars": stars}) as archive:
    ...     result = pyvo.dal.TAPService(archive.url + "/tap").search("SELECT COUNT(*) FROM stars")
    >>> int(result["count"][0])
    2
    """

    def __init__(self, tables=None, *, port=0, behaviour=None, intercept=None):
        _need_engine()
        if not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidInputError(
                f"{port} is no port.", remedy="give a number from 1024 to 65535."
            )
        self._given = simulated_tables() if tables is None else dict(tables)
        for name in self._given:
            _check_name(name)
        self.port = port
        self.behaviour = behaviour or Behaviour.heasarc()
        self.intercept = intercept
        self._server = self._thread = self._application = None

    @property
    def url(self):
        """Base URL of the VO services, as `~astroquery_cfx.CSCPlaneClass` wants it; TAP is below it."""
        if self._server is None:
            raise InvalidInputError(
                "The archive is not running.", remedy="call start(), or use it in a with block."
            )
        return f"http://127.0.0.1:{self._server.server_port}{ROOT}"

    def start(self):
        """
        Load the tables and listen.

        Returns
        -------
        EmbeddedArchive
            Itself, running.

        Raises
        ------
        OutputError
            If the port is in use or not allowed.
        InvalidFileError, InvalidInputError
            If a table cannot be read.
        """
        from .application import Application
        from .service import Service
        from .web import WebServer

        if self._server is not None:
            return self
        try:
            self._server = WebServer(self.port, self._answer, compress=self.behaviour.gzip)
        except OSError as error:
            raise OutputError(
                f"The archive cannot listen on port {self.port}: {error.strerror}.",
                remedy="choose another port, or 0 for any free one.",
            ) from error
        try:
            service = Service(
                {name: _read(source) for name, source in self._given.items()}, self.behaviour
            )
        except BaseException:
            self._server.server_close()
            self._server = None
            raise
        self._application = Application(service, ROOT)
        self._application.url = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="embedded-archive",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self):
        """Stop listening, hang up, and let go of the tables. A stopped archive can be started again."""
        if self._server is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._application.jobs.stop()
        self._server.close_connections()
        self._application.service.close()
        self._server = self._thread = self._application = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def _answer(self, request):
        answer = self._application.answer(request)
        return answer if self.intercept is None else self.intercept(request, answer)


def _need_engine():
    try:
        import duckdb  # noqa: F401
        import sqlglot  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"The embedded archive needs {error.name}, which is not installed.",
            remedy='pip install "astroquery_cfx[archive]"',
        ) from error


def _check_name(name):
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or name.startswith("__")
        or name.lower() in ("metainfo", "incoming")
    ):
        raise InvalidInputError(
            f"{name!r} cannot be the name of a table.",
            remedy="use letters, digits and '_', beginning with a letter.",
        )


def _read(source):
    """A table, from a file where it is not one yet."""
    from astropy.table import Table

    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        from ..files import read_table

        return read_table(source)
    raise InvalidInputError(
        f"A table was expected, or a path, not {type(source).__name__}.",
        remedy="give the path of a FITS, VOTable, ECSV, CSV or Parquet file.",
    )
