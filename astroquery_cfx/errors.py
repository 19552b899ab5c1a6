# Licensed under a 3-clause BSD style license - see LICENSE
"""The exceptions of the package.

Each says what failed, what is kept, and what to do. All derive from
`CFXError` and from the astroquery exception that a user of astroquery
would expect, so both ``except CFXError`` and
``except astroquery.exceptions.RemoteServiceError`` work.
"""

from astroquery.exceptions import InvalidQueryError, RemoteServiceError, TableParseError


class CFXError(Exception):
    """
    Base of the errors of astroquery_cfx.

    Parameters
    ----------
    failed : str
        What failed, in one sentence.
    kept : str, optional
        What is kept nevertheless (verified pages, files written before).
    remedy : str, optional
        What to do about it.

    Examples
    --------
    >>> from astroquery_cfx.errors import CFXError
    >>> print(CFXError("The page of 10 rows came with 9.", kept="3 pages are in the cache.",
    ...                remedy="Call again: only the missing page is fetched."))
    The page of 10 rows came with 9. Kept: 3 pages are in the cache.
    Remedy: Call again: only the missing page is fetched.
    """

    def __init__(self, failed: str, *, kept: str = "", remedy: str = "") -> None:
        self.failed = failed
        self.kept = kept
        self.remedy = remedy
        parts = [failed]
        if kept:
            parts.append(f"Kept: {kept}")
        if remedy:
            parts.append(f"Remedy: {remedy}")
        super().__init__(" ".join(parts))

    def __reduce__(self):
        # Keyword-only arguments would be lost when a worker process hands the error back.
        return _rebuild, (type(self), self.__dict__.copy(), self.args)


def _rebuild(kind, attributes, args):
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    error.args = args
    return error


class InvalidInputError(CFXError, InvalidQueryError, ValueError):
    """The input is invalid: an unknown name, a missing unit, a value out of range."""


class ServiceError(CFXError, RemoteServiceError):
    """The service answered with an error; its words and the ADQL are in the message."""


class ServiceUnavailableError(ServiceError):
    """The service did not answer, or not with a valid answer, after all retries."""


class IncompleteResultError(CFXError, RemoteServiceError):
    """The rows received cannot be proved to be all rows of the result, and no others."""


class ArchiveChangedError(IncompleteResultError):
    """The table at the archive kept changing while it was fetched."""


class InvalidFileError(CFXError, TableParseError):
    """A file is damaged, or is not of the expected kind."""


class OutputError(CFXError, OSError):
    """A result could not be written; what was written before is whole."""


class MissingDependencyError(CFXError, ImportError):
    """An optional extra of the package is not installed."""
