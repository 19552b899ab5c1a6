# Licensed under a 3-clause BSD style license - see LICENSE
"""How a TAP service behaves where the standard leaves room: as HEASARC's, or as GAVO DaCHS."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """
    The switches of the embedded archive.

    The defaults are what is recorded of HEASARC's service (astroquery issue #3387 and the recorded
    answers). What nobody has recorded has a switch, so that clients can be tried against either
    answer.

    Parameters
    ----------
    default_limit : int
        Largest number of rows for a query without TOP and without MAXREC.
    hard_limit : int or None
        Largest number of rows for any query. None for no such limit.
    top_lifts_limit : bool
        Whether TOP above ``default_limit`` gives that many rows.
    maxrec_lifts_limit : bool
        Whether MAXREC above ``default_limit`` gives that many rows.
    rows_over_limit : int
        Number of rows sent beyond the limit when TOP asks for more than the limit.
    false_overflow : bool
        Whether a result with exactly as many rows as the limit is flagged as truncated.
    flag_default_limit : bool
        Whether a result cut by ``default_limit`` is flagged as truncated, as one cut by MAXREC is.
    overflow_flag : {'after', 'before', 'none'}
        Where the INFO element with OVERFLOW stands: after the table (as DALI 1.1, section 4.4.1,
        asks), before it, or nowhere.
    order : {'rotated', 'stored', 'shuffled'}
        The order of rows without ORDER BY: from another start at each call (as PostgreSQL's
        synchronized scans give at HEASARC), as stored, or in another random order at each call.
    table_prefix : str
        What stands before the names of tables, e.g. ``'cfx.'``. Unqualified names then fail.
    time_must_be_quoted : bool
        Whether the column ``time`` must be written ``"time"``.
    count_name : str or None
        Name of a ``COUNT(*)`` without AS. None for a name made up from the column's number.
    phase_run_in_post : bool
        Whether PHASE=RUN in the POST that creates a job starts the job.
    offset_supported, mod_supported : bool
        Whether OFFSET and MOD() work.
    union_top_lost : bool
        Whether the TOP of each arm of a UNION is silently lost.
    null_string : str
        What is sent for a string that is NULL.
    gzip : bool
        Whether responses are compressed for clients that accept it.

    Examples
    --------
    >>> from astroquery_cfx.archive import Behaviour
    >>> Behaviour.heasarc().default_limit
    100000
    >>> Behaviour.dachs(gzip=False).top_lifts_limit
    False
    """

    default_limit: int = 100_000
    hard_limit: int | None = None
    top_lifts_limit: bool = True
    maxrec_lifts_limit: bool = False
    rows_over_limit: int = 0
    false_overflow: bool = False
    flag_default_limit: bool = False
    overflow_flag: str = "after"
    order: str = "rotated"
    table_prefix: str = ""
    time_must_be_quoted: bool = False
    count_name: str | None = "count"
    phase_run_in_post: bool = True
    offset_supported: bool = True
    mod_supported: bool = True
    union_top_lost: bool = False
    null_string: str = ""
    gzip: bool = False

    @classmethod
    def heasarc(cls, **changes: Any) -> Self:
        """Return the behaviour of HEASARC's Xamin, as recorded, with changes to single switches."""
        return cls(**changes)

    @classmethod
    def dachs(cls, **changes: Any) -> Self:
        """Return the behaviour of GAVO DaCHS 2.7, as measured, with changes to single switches."""
        dachs: dict[str, Any] = {
            "default_limit": 20_000,
            "hard_limit": 20_000_000,
            "top_lifts_limit": False,
            "maxrec_lifts_limit": True,
            "rows_over_limit": 1,
            "false_overflow": True,
            "flag_default_limit": True,
            "order": "stored",
            "table_prefix": "cfx.",
            "time_must_be_quoted": True,
            "count_name": None,
            "phase_run_in_post": False,
            "union_top_lost": True,
            "gzip": True,
        }
        return cls(**(dachs | changes))

    def row_limit(self, top: int | None, maxrec: int | None) -> tuple[int | None, int | None]:
        """
        Return how many rows a query may give, and when its result is flagged as truncated.

        Parameters
        ----------
        top, maxrec : int or None
            TOP of the query and MAXREC of the request.

        Returns
        -------
        limit : int or None
            Largest number of rows that are sent. None for no limit.
        flagged : int or None
            A result with more rows than this in all is flagged. None if it is never flagged.
        """
        if top is not None and self.top_lifts_limit:
            service, is_flagged = self.hard_limit, True
        else:
            service, is_flagged = self.default_limit, self.flag_default_limit
        if maxrec is not None and (self.maxrec_lifts_limit or service is None or maxrec <= service):
            service, is_flagged = maxrec, True
            if self.hard_limit is not None:
                service = min(maxrec, self.hard_limit)
        if service is None:
            return top, None
        limit = service
        if top is not None:
            limit = min(top, service + (self.rows_over_limit if top > service else 0))
        return limit, service if is_flagged else None
