# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole result of a TAP query, or an error: count, plan, fetch, verify, assemble."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from astropy import log

from ..config import conf
from ..errors import (
    ArchiveChangedError,
    IncompleteResultError,
    InvalidInputError,
    ServiceError,
    ServiceUnavailableError,
)
from ..progress import progress_bar
from .adql import parse_select
from .assemble import digest, join_columns, key_order, make_table, take
from .certificate import certify
from .counting import Counter, Sums, ask_ahead, make_plan
from .fetch import Fetched, Fetcher
from .keys import KeyPlaces, find_keys
from .plan import Page
from .proof import Proof
from .schema import Schema
from .store import open_store
from .transport import Transport, check_uploads, make_transport

__all__ = ["complete_query"]

_ROUNDS = 3


def complete_query(
    service,
    adql,
    *,
    maxrec=None,
    uploads=None,
    key=None,
    page_rows=None,
    cache=False,
    transport=None,
    schema=None,
    show_progress=None,
    session=None,
):
    """
    Get the whole result of an ADQL query, or an error.

    The rows are counted, fetched in pages cut along a key, verified page by
    page, and counted again. The row limits of the service are met by cutting
    finer, not by trusting its overflow flags.

    Parameters
    ----------
    service : `~pyvo.dal.TAPService`
        The service; its URL is used.
    adql : str
        Any ADQL. Pages can be cut where rows of the result are rows of the
        FROM clause; with aggregates, DISTINCT, GROUP BY, ORDER BY or set
        operations everything is fetched in one request, and the count proved.
    maxrec : int, optional
        Give only the first `maxrec` rows in the order of the key.
    uploads : dict, optional
        Name to `~astropy.table.Table`, path or VOTable bytes; ``TAP_UPLOAD.name`` in the query.
    key : str, optional
        The column to cut pages along, where the best one is known.
    page_rows : int, optional
        Rows that a page is aimed at; ``conf.page_rows`` by default.
    cache : bool, optional
        Keep verified pages and the result on disk (``conf.cache_folder``), and use what is kept and not
        older than ``conf.cache_days``, after one request that shows that the counts are the same.
    transport : object, optional
        What sends the queries, instead of `~astroquery_cfx.tap.Transport`.
    schema : `~astroquery_cfx.tap.Schema`, optional
        Columns of the service's tables, kept from call to call.
    show_progress : bool, optional
        Show a progress bar; by default where standard error is a terminal.
    session : `~requests.Session`, optional
        What sends the requests, by default a new session. pyvo keeps the session of a service to
        itself: one that bears credentials has to be given here, too.

    Returns
    -------
    `~astropy.table.Table`
        With units, descriptions and UCDs (``column.meta['ucd']``), rows in the order of the key.
        ``meta['completeness']`` is the certificate: service, ADQL, rows counted before and after, pages with
        range, rows, SHA-256 and attempts, what was proved, UTC, versions.

    Raises
    ------
    InvalidInputError
        If the query cannot be, or is too long and cannot be split.
    ServiceError
        If the service refuses it; the service's words and the ADQL are in the message.
    ServiceUnavailableError
        If the service does not answer, after all retries.
    IncompleteResultError
        If the rows that came are not provably all rows, and nothing else.
    ArchiveChangedError
        If the rows kept changing while they were fetched.
    OutputError
        If the cache cannot be written.

    Examples
    --------
    >>> from pyvo.dal import TAPService
    >>> from astroquery_cfx.tap import complete_query
    >>> service = TAPService("https://heasarc.gsfc.nasa.gov/xamin/vo/tap")
    >>> table = complete_query(service, "SELECT name, ra, dec FROM csc")  # doctest: +SKIP
    """
    select = parse_select(adql)
    job = _Job(
        select,
        transport or make_transport(service, session),
        check_uploads(uploads),
        url=service.baseurl,
        schema=schema,
        page_rows=_whole_number(page_rows or conf.page_rows, "page_rows", least=1),
        hint=key,
        maxrec=_whole_number(maxrec, "maxrec"),
        show_progress=show_progress,
    )
    if cache:
        job.store = open_store(service.baseurl, select.text, job.uploads, job.maxrec)
        if job.store is not None and isinstance(job.transport, Transport):
            job.transport.jobs = job.store.job_book()
    return job.run()


def _whole_number(value, name, least=0):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInputError(
            f"{name} is {value!r}.", remedy=f"give a whole number, {least} or more."
        )
    return int(value)


@dataclass
class _Job:
    """One query on its way to a table."""

    select: object
    transport: object
    uploads: dict | None
    url: str
    page_rows: int
    schema: Schema | None = None
    hint: str | None = None
    maxrec: int | None = None
    show_progress: bool | None = None
    store: object = None
    keys: list = field(default_factory=list)
    identity: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    proof: object = None

    def run(self):
        self.schema = self.schema or Schema(lambda adql: self._ask(adql, 100_000))
        self.counter = Counter(self._ask, self.select)
        return self._run_pages() if self.select.splits else self._run_whole()

    def _ask(self, adql, rows):
        """Ask a short question: not by a job, which takes seconds to start, unless there is no other way."""
        transport = self.transport
        if isinstance(transport, Transport) and transport.use_jobs:
            transport = replace(transport, use_jobs=False)
        return transport.ask(adql, maxrec=rows + 1, uploads=self.uploads)[0]

    # --- a query that can be split

    def _run_pages(self):
        kept = self._kept_result()
        if kept is not None:
            return kept
        (self.keys, self.identity), _ = _ask_at_once(
            lambda: find_keys(self.select, self.schema, self._ask, self.hint),
            lambda: self.schema.limit(self.transport),
        )
        self.before, _ = _ask_at_once(self._count, self._ask_ahead)
        star_names = []
        if self.select.has_star and self.select.table is not None:  # which columns these are
            answer = self._ask(self.select.statement(top=1), 1)
            star_names = [item.name.lower() for item in answer.fields]
        wanted = self._wanted(self.before[0])
        places = KeyPlaces(self.select, self.keys, self.identity, star_names)
        keys = self.identity or self.keys[:1]
        self.proof = Proof(
            self.counter,
            self.select,
            keys,
            places.columns_of(keys),
            lead=places.lead,
            unique=bool(self.identity),
        )
        what = f"Rows of {self.select.table[0]}" if self.select.table else "Rows"
        with progress_bar(wanted, description=what, show=self.show_progress) as bar:
            self.fetcher = Fetcher(
                self.transport,
                self.counter,
                self.select,
                places.items,
                places.positions,
                places.lead,
                places.identity_columns,
                self._cut_finer,
                parallel=conf.parallel_pages,
                uploads=self.uploads,
                store=self.store,
                bar=bar,
                limit=self._known_limit(),
            )
            fetched, columns = self._settle()
            for left in reversed(range(_ROUNDS)):
                try:
                    return self._finish(fetched, columns, len(places.extras))
                except IncompleteResultError as error:  # pages that contradict each other: all anew
                    self.fetcher.forget()
                    self.notes.clear()
                    if not left:
                        raise
                    log.debug(f"{error} Fetching all pages again.")
                    fetched, columns = self._settle()
        raise AssertionError("unreachable")

    def _kept_result(self):
        """The result of an earlier call, if the service still counts the same."""
        lead = None if self.store is None else self.store.lead()
        if lead is None:
            return None
        return self._kept_beside(lambda: self._try_count(lead))[0]

    def _kept_beside(self, count):
        """What is kept, if the service still counts the same, and what it counts now."""
        if self.store is None:
            return None, count()
        (table, counted), now = _at_once(self.store.load_result, count)
        return table if counted == repr(now) else None, now

    def _try_count(self, lead):
        try:
            return tuple(self.counter.key_statistics(lead))
        except ServiceUnavailableError:
            raise
        except ServiceError:  # not that key any more
            return None

    def _count(self):
        """What is counted before and after: rows, and of the leading key how many, least and largest."""
        lead = self.keys[0] if self.keys else None
        if lead is None:
            return (self.counter.count(),)
        try:
            return tuple(self.counter.key_statistics(lead))
        except ServiceError:  # a type that does not order: the next key
            self.counter.count()  # where the query is wrong, say that
            self.keys = self.keys[1:]
            return self._count()

    def _ask_ahead(self):
        """Count along the key while all rows are counted, where it is sure to be needed: of a whole table."""
        whole = not self.select.where and self._wanted(math.inf) == math.inf
        if whole and conf.parallel_pages > 1 and self.keys and self.keys[0].span:
            ask_ahead(self.counter, self.keys[0], self._known_limit())

    def _wanted(self, count):
        """Rows to give: all, or as many as TOP or maxrec asked for."""
        return min([count, *(n for n in (self.maxrec, self.select.top) if n is not None)])

    def _known_limit(self):
        limits = [
            self.schema.limit(self.transport),
            self.store.limit() if self.store is not None else None,
        ]
        return min((n for n in limits if n), default=None)

    def _target(self):
        limit = self.fetcher.limit
        return self.page_rows if limit is None else max(1, min(self.page_rows, limit - 1))

    def _plan(self):
        count = self.before[0]
        wanted = self._wanted(count)
        if count <= self._target():
            return [Page((), count)]
        self.counter.forget_histograms()
        return make_plan(
            self.counter,
            self.keys,
            self._target(),
            limit=self.fetcher.limit,
            wanted=wanted if wanted < count else None,
            statistics=self.before if len(self.before) == 4 else None,
        )

    def _cut_finer(self, page, limit):
        """A page that does not fit under the limit, in finer ones."""
        used = {piece.key for piece in page.ranges}
        keys = [key for key in self.keys if key.expression not in used or not page.ranges[-1].null]
        return make_plan(
            self.counter,
            keys,
            max(1, min(self.page_rows, limit - 1)),
            limit=limit,
            within=page.ranges,
        )

    # --- until nothing changes

    def _settle(self):
        """Plan, fetch, count again; where the archive changed meanwhile, fetch again what is concerned."""
        pages, failure = self._plan(), None
        for _ in range(_ROUNDS):
            try:
                fetched = self.fetcher.fetch(pages)
                after, same_histograms, columns = self._count_again(fetched)
                if after == self.before and same_histograms:
                    return fetched, columns
            except ArchiveChangedError as error:
                failure, after = error, self._count()
            same_counts = after == self.before
            self.before = after
            recounted = self._recount(pages)
            if recounted == pages and same_counts:  # rows moved within pages: none can be trusted
                self.fetcher.forget()
            pages = recounted
        raise ArchiveChangedError(
            "The archive's table kept changing while it was fetched.", remedy="try again later."
        ) from failure

    def _count_again(self, fetched):
        """What is counted now, whether along the key too, and what came: joined while the service counts."""
        names = {}
        if self._wanted(self.before[0]) == self.before[0] > 0:
            names = self.proof.summed(fetched[0].columns, self.fetcher.fields)
        (after, same_histograms, sums), columns = _at_once(
            lambda: self._recount_all(list(names)), lambda: self._join(fetched)
        )
        self.proof.take_sums(names, sums)
        return after, same_histograms, columns

    def _join(self, fetched):
        columns = join_columns([item.columns for item in fetched])
        self.proof.compare_keys(columns)
        return columns

    def _recount_all(self, names):
        """What `_count` gives, whether histograms are the same, and sums: by one request where possible."""
        if self.keys:
            try:
                found = self.counter.recount(self.keys[0], names, self.before, self.fetcher.limit)
            except ServiceUnavailableError:
                raise
            except ServiceError as error:  # a column that it cannot add up
                log.debug(f"Sums are asked apart: {error}")
                found = None
            if found is not None:
                return found
        return _ask_at_once(
            self._count,
            self.counter.same_histograms,
            lambda: Sums([[value] for value in self.counter.sums(names)] if names else []),
        )

    def _recount(self, pages):
        """The same pages with the rows that they have now; a new plan where these do not add up."""
        self.counter.same_histograms()
        recounted = [replace(page, rows=self.counter.count(page.condition)) for page in pages]
        whole = self._wanted(self.before[0]) == self.before[0]
        return (
            recounted
            if whole and sum(page.rows for page in recounted) == self.before[0]
            else self._plan()
        )

    # --- assemble

    def _finish(self, fetched, columns, extras):
        shown = len(self.fetcher.fields) - extras
        wanted = self._wanted(self.before[0])
        pages = [item.page for item in fetched]
        rows = sum(page.rows for page in pages)
        if wanted == self.before[0] != rows:
            raise IncompleteResultError(
                f"The pages hold {rows} rows and {wanted} were counted.",
                remedy="try again; the archive may be changing.",
            )
        shas = [item.sha256 for item in fetched]
        self.notes += self.proof.check(columns, shas, whole=wanted == self.before[0])
        table = make_table(self.fetcher.fields[:shown], take(columns[:shown], slice(0, wanted)))
        self._sign(table, fetched, self.fetcher.infos)
        if self.store is not None:
            self.store.save_result(table, self.before, self.keys[0] if self.keys else None)
        return table

    def _sign(self, table, fetched, infos):
        """Put the certificate, and what the service says of its rows, into the table's meta."""
        asked = {
            name: value
            for name, value in (("maxrec", self.maxrec), ("top", self.select.top))
            if value is not None
        }
        table.meta["completeness"] = certify(
            self.url, self.select.text, table, self.before[0], fetched, self.notes, asked
        )
        simulated = [value for name, value in infos if name == "simulated"]
        if simulated:
            table.meta["simulated"] = simulated[0]

    # --- a query that cannot be split

    def _run_whole(self):
        kept, (count,) = self._kept_beside(lambda: (self._count_whole(),))
        if kept is not None:
            return kept
        expected = count if self.select.top is None else min(count, self.select.top)
        answer, attempts = self.transport.ask(
            self._with_room(expected), maxrec=expected + 1, uploads=self.uploads
        )
        again = self._count_whole()
        if again != count:
            raise ArchiveChangedError(
                f"The query had {count} rows before and {again} after it was fetched.",
                remedy="try again.",
            )
        if answer.num_rows != expected:
            raise IncompleteResultError(
                f"{answer.num_rows} rows came of {expected}. The query cannot be fetched in pages because "
                f"{self.select.reason}.",
                remedy="leave that out, and do it on the table that comes.",
            )
        columns = answer.columns
        if not self.select.order_by:
            columns = take(columns, key_order(columns, None))
        self.before = (expected,)
        self.notes.append(f"fetched in one request because {self.select.reason}")
        fetched = Fetched(Page((), expected), columns, digest(columns), attempts)
        table = make_table(answer.fields, take(columns, slice(0, self.maxrec)))
        self._sign(table, [fetched], answer.infos)
        if self.store is not None:
            self.store.save_result(table, (count,))
        return table

    def _with_room(self, rows):
        """The query with a TOP that makes room for its rows, where it has none."""
        if self.select.top is not None or not self.select.items:
            return self.select.text
        return re.sub(
            r"\ASELECT(\s+(?:DISTINCT|ALL)\b)?",
            rf"SELECT\1 TOP {rows + 1}",
            self.select.text,
            count=1,
            flags=re.IGNORECASE,
        )

    def _count_whole(self):
        if self.select.single:
            return 1
        if self.select.plain:
            return self.counter.count()
        try:
            return self.counter.count_statement(self.select.unordered)
        except ServiceUnavailableError:
            raise
        except ServiceError as error:
            self._ask(self.select.text, 1)  # where the query itself is wrong, say that
            raise IncompleteResultError(
                f"The rows of the query cannot be counted: {error.failed}",
                remedy="ask for plain columns, and fold them afterwards.",
            ) from error


def _ask_at_once(*tasks):
    """What some functions give that send requests: as many at a time as pages may be asked for."""
    return _at_once(*tasks, at_most=max(1, conf.parallel_pages))


def _at_once(*tasks, at_most=None):
    with ThreadPoolExecutor(at_most or len(tasks)) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
