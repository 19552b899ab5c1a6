# Licensed under a 3-clause BSD style license - see LICENSE
"""How a TAP service behaves where the standard leaves room: HEASARC's way, and GAVO DaCHS's."""

from dataclasses import dataclass

__all__ = ["Behaviour"]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """
    The switches of the embedded archive.

    The defaults are what is recorded of HEASARC's service; what nobody has
    recorded has a switch, so that a client can be tried on both sides.

    Parameters
    ----------
    default_limit : int
        Rows that a query without TOP and without MAXREC gives at most.
    hard_limit : int or None
        Rows that no query passes; None for no such limit.
    top_lifts_limit : bool
        Whether TOP above ``default_limit`` gives that many rows.
    maxrec_lifts_limit : bool
        Whether MAXREC above ``default_limit`` gives that many rows.
    rows_over_limit : int
        Rows more than the limit that come when TOP asks for more than the limit.
    false_overflow : bool
        Whether a result of exactly the limit's rows is called truncated.
    flag_default_limit : bool
        Whether a result cut by ``default_limit`` is called truncated, as one cut by MAXREC is.
    overflow_flag : {'after', 'before', 'none'}
        Where the OVERFLOW INFO stands: after the table, before it, nowhere.
    order : {'rotated', 'stored', 'shuffled'}
        The order of rows that no ORDER BY puts in order: from another start each call,
        as stored, or another random order each call.
    table_prefix : str
        What stands before the names of tables, e.g. ``'cfx.'``; unqualified names then fail.
    time_must_be_quoted : bool
        Whether the column ``time`` must be written ``"time"``.
    count_name : str or None
        Name of ``COUNT(*)`` without AS; None for a made-up name.
    phase_run_in_post : bool
        Whether PHASE=RUN in the POST that creates a job starts it.
    offset_supported, mod_supported : bool
        Whether OFFSET and MOD() work.
    union_top_lost : bool
        Whether the TOP of each arm of a UNION is silently lost.
    null_string : str
        What stands for a string that is NULL.
    gzip : bool
        Whether answers are compressed for a client that accepts it.

    Examples
    --------
    >>> from astroquery_cfx.archive import Behaviour
    >>> Behaviour.heasarc().default_limit
    100000
    >>> Behaviour.dachs().top_lifts_limit
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
    def heasarc(cls, **changes):
        """HEASARC's Xamin, as recorded; keywords change single switches."""
        return cls(**changes)

    @classmethod
    def dachs(cls, **changes):
        """GAVO DaCHS 2.7, as measured; keywords change single switches."""
        dachs = {
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

    def row_limit(self, top, maxrec):
        """
        How many rows a query may give.

        Parameters
        ----------
        top, maxrec : int or None
            TOP of the query and MAXREC of the request.

        Returns
        -------
        limit : int
            Rows that are given at most.
        flagged : int or None
            A result with more than this many rows in all is called truncated.
        """
        if top is not None and self.top_lifts_limit:
            service, service_flagged = self.hard_limit, True
        else:
            service, service_flagged = self.default_limit, self.flag_default_limit
        if maxrec is not None and (self.maxrec_lifts_limit or service is None or maxrec <= service):
            service, service_flagged = maxrec, True
            if self.hard_limit is not None:
                service = min(maxrec, self.hard_limit)
        if service is None:
            return top, None
        flagged = service if service_flagged else None
        limit = service
        if top is not None:
            limit = min(top, service + (self.rows_over_limit if top > service else 0))
        return limit, flagged
