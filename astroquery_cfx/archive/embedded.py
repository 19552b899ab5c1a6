# Licensed under a 3-clause BSD style license - see LICENSE
"""The embedded archive: tables in, a running TAP service on loopback out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from astropy.table import Table

from ..errors import InvalidInputError, MissingDependencyError, OutputError
from ..files import read_table
from .behaviour import Behaviour
from .fermilpsc import fermilpsc_table
from .sky import simulated_sky
from .web import Request, Response, WebServer

if TYPE_CHECKING:
    from .resources import Application

_ROOT = "/xamin/vo"  # HEASARC's path


def simulated_tables() -> dict[str, Path | Table]:
    """
    Return the tables that the archive serves when none are given.

    Returns
    -------
    dict of str to `~pathlib.Path` or `~astropy.table.Table`
        ``csc`` and ``chanmaster`` of the simulated sky, made at the first use and kept in the
        cache, and ``fermilpsc``, made from the real 4FGL-DR4 that the package ships.
    """
    return {**simulated_sky(), "fermilpsc": fermilpsc_table()}


class EmbeddedArchive:
    """
    A TAP service on 127.0.0.1 that behaves as HEASARC's does.

    Parameters
    ----------
    tables : dict of str to path or `~astropy.table.Table`, optional
        What to serve: FITS, VOTable, ECSV, CSV or Parquet files, or tables, by name.
        By default the simulated sky.
    port : int, optional
        The port to listen on. By default any free one.
    behaviour : Behaviour, optional
        How to behave where services differ. By default as HEASARC's service.
    intercept : callable, optional
        ``intercept(request, response)`` returns the response to send instead of ``response``: a
        place for faults when clients are tried.

    Raises
    ------
    MissingDependencyError
        If DuckDB or sqlglot is not installed.
    InvalidInputError
        If the name of a table or the port is not valid.

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

    def __init__(
        self,
        tables: Mapping[str, str | Path | Table] | None = None,
        *,
        port: int = 0,
        behaviour: Behaviour | None = None,
        intercept: Callable[[Request, Response], Response] | None = None,
    ):
        try:
            import duckdb  # noqa: F401
            import sqlglot  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                f"The embedded archive needs {error.name}, which is not installed.",
                remedy='pip install "astroquery_cfx[archive]"',
            ) from error
        if not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidInputError(
                f"{port} is not a port.", remedy="give a number from 1024 to 65535."
            )
        given = simulated_tables() if tables is None else tables
        self._given: dict[str, str | Path | Table] = dict(given)
        for name in self._given:
            if (
                not isinstance(name, str)
                or not name.isidentifier()
                or name.startswith("__")  # hidden
                or name.lower() in ("metainfo", "incoming")  # the archive's own
            ):
                raise InvalidInputError(
                    f"{name!r} is not a valid name for a table.",
                    remedy="use letters, digits and '_', beginning with a letter.",
                )
        self.port = port
        self.behaviour = behaviour or Behaviour.heasarc()
        self.intercept = intercept
        self._running: tuple[WebServer, Application] | None = None

    @property
    def url(self) -> str:
        """Base URL of the VO services, for `~astroquery_cfx.CSCPlaneClass`; TAP is below it."""
        if self._running is None:
            raise InvalidInputError(
                "The archive is not running.", remedy="call start(), or use it in a with block."
            )
        return self._running[1].url

    def start(self) -> Self:
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
        # Imported here because they load DuckDB and sqlglot, which are optional and slow to load.
        from .resources import Application
        from .service import Service

        if self._running is not None:
            return self
        try:
            server = WebServer(self.port, compress=self.behaviour.gzip)
        except OSError as error:
            raise OutputError(
                f"The archive cannot listen on port {self.port}: {error.strerror}.",
                remedy="choose another port, or 0 for any free one.",
            ) from error
        try:
            tables = {}
            for name, source in self._given.items():
                table = read_table(source) if isinstance(source, str | Path) else source
                if not isinstance(table, Table):
                    raise InvalidInputError(
                        f"A table was expected, or a path, not {type(table).__name__}.",
                        remedy="give the path of a FITS, VOTable, ECSV, CSV or Parquet file.",
                    )
                tables[name] = table
            service = Service(tables, self.behaviour)
        except BaseException:
            server.server_close()
            raise
        application = Application(service, f"http://127.0.0.1:{server.server_port}{_ROOT}")

        def respond(request: Request) -> Response:
            response = application.respond(request)
            return response if self.intercept is None else self.intercept(request, response)

        server.start(respond)
        self._running = server, application
        return self

    def stop(self) -> None:
        """Stop listening, hang up, and release the tables; the archive can be started again."""
        if self._running is None:
            return
        server, application = self._running
        server.stop()
        application.jobs.stop()
        application.service.close()
        self._running = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()
