# Licensed under a 3-clause BSD style license - see LICENSE
"""The complete result of a TAP query, or an error.

TAP services cut long answers, and few say so reliably. HEASARC returns 100,000 rows of a query
without TOP, not marked as cut and others each time. DaCHS heeds MAXREC instead of TOP, returns one
row more than its limit, and calls complete answers cut. So nothing here relies on a flag. A count
cannot be cut, and counts are the proof:

    count -> plan -> fetch -> verify -> count again -> prove -> assemble

`complete_query` checks its arguments and chooses between two ways: `PagedQuery` is fetched in
pages, and `WholeQuery` in one piece.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import requests
from astropy import log
from astropy.table import Table
from pyvo.dal import TAPService

from ..arrays import whole_number
from ..config import conf
from ..errors import (
    ArchiveChangedError,
    IncompleteResultError,
    ServiceError,
    ServiceUnavailableError,
)
from ..progress import progress_bar
from .adql import parse_select
from .assemble import digest, join_columns, key_order, make_table, sign, take
from .counting import Counter, KeyStatistics, Sums
from .fetch import Fetched, Fetcher, Request
from .plan import Page, Planner, whole_binning
from .proof import Proof
from .schema import Key, Schema, find_keys, locate_keys
from .store import PageStore, open_store
from .transport import Transport, check_uploads, make_transport

# How often to start again where the archive changes, or pages contradict each other.
_ROUNDS = 3


def complete_query(  # noqa: PLR0913 - all but two are keyword-only
    service: TAPService,
    adql: str,
    *,
    maxrec: int | None = None,
    uploads: Mapping[str, Any] | None = None,
    key: str | None = None,
    page_rows: int | None = None,
    cache: bool = False,
    transport: Any = None,
    schema: Schema | None = None,
    show_progress: bool | None = None,
    session: requests.Session | None = None,
) -> Table:
    """
    Return the complete result of an ADQL query, or raise an error.

    The rows are counted, fetched in pages cut along a key, verified page by page, and counted
    again. Where the service limits rows, pages are cut finer; no overflow flag is relied on.

    Parameters
    ----------
    service : `~pyvo.dal.TAPService`
        The service. Its URL is used.
    adql : str
        Any ADQL. Pages can be cut where rows of the result are rows of the FROM clause; with
        aggregates, DISTINCT, GROUP BY, ORDER BY or set operations everything is fetched in one
        request, and the count proved.
    maxrec : int, optional
        Return only the first ``maxrec`` rows in the order of the key.
    uploads : dict, optional
        Tables to send with the query, which calls them ``TAP_UPLOAD.name``: name to
        `~astropy.table.Table`, path of a VOTable, or its bytes.
    key : str, optional
        The column to cut pages along. By default the best one is chosen by its type and UCD.
    page_rows : int, optional
        Rows that a page is aimed at; ``conf.page_rows`` by default.
    cache : bool, optional
        Keep verified pages and the result on disk (``conf.cache_folder``). A kept result is used
        for ``conf.cache_days``, if one request shows that the counts are the same.
    transport : object, optional
        What sends the queries: by default a `~astroquery_cfx.tap.Transport`, else anything with
        its method ``ask``.
    schema : `~astroquery_cfx.tap.Schema`, optional
        Columns of the service's tables, kept from call to call.
    show_progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.
    session : `~requests.Session`, optional
        What sends the requests, by default a new session. pyvo keeps the session of a service
        private, so a session with credentials has to be passed here, too.

    Returns
    -------
    `~astropy.table.Table`
        With units, descriptions and UCDs (``column.meta['ucd']``), rows in the order of the key.
        ``meta['completeness']`` is the certificate: service, ADQL, rows counted before and after,
        pages with range, rows, SHA-256 and attempts, what was proved, UTC, versions.

    Raises
    ------
    InvalidInputError
        If the query is not valid, or its result is too long and cannot be split.
    ServiceError
        If the service refuses the query; the service's words and the ADQL are in the message.
    ServiceUnavailableError
        If the service does not answer, after all retries.
    IncompleteResultError
        If the rows that were fetched are not provably all rows, and nothing else.
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
    request = Request(
        select,
        service.baseurl,
        transport or make_transport(service, session),
        whole_number(page_rows or conf.page_rows, "page_rows", least=1),
        check_uploads(uploads),
        None if maxrec is None else whole_number(maxrec, "maxrec"),
        show_progress=show_progress,
    )
    if cache:
        store = open_store(request.url, select.text, request.uploads, request.maxrec)
        request = replace(request, store=store)
        if store is not None and isinstance(request.transport, Transport):
            request.transport.jobs = store.job_book()
    if not select.splits:
        return WholeQuery(request, Counter(request.ask, select)).run()
    # No table has as many columns as this, and no service as many tables.
    schema = schema or Schema(lambda adql: request.ask(adql, 100_000))
    return run_in_pages(request, schema, key)


def run_in_pages(request: Request, schema: Schema, hint: str | None) -> Table:
    """Choose the keys, count, and fetch the pages; or return an earlier result that still holds."""
    select, store = request.select, request.store
    counter = Counter(request.ask, select)
    if store is not None and (lead := store.lead()) is not None:
        try:
            table, _ = _load_result(store, lambda: tuple(counter.key_statistics(lead)))
        except ServiceUnavailableError:
            raise
        except ServiceError:  # the table has no such key any more
            table = None
        if table is not None:
            return table

    # What does not depend on another answer is asked at the same time: before the first page, most
    # of the time goes into the latency of requests.
    keys, declared = _ask_at_once(
        lambda: find_keys(select, schema, request.ask, hint),
        lambda: schema.limit(request.transport),
    )
    limits = [declared, None if store is None else store.limit()]
    limit = min((n for n in limits if n), default=None)

    def prefetch_histogram():
        """Prefetch the key histogram during the row count. Whole-table queries only.

        These need it for their plan, unless the table is small, and the range of a sky coordinate
        is known without asking.
        """
        whole_table = not select.where and request.wanted(math.inf) == math.inf
        if whole_table and conf.parallel_pages > 1 and keys and keys[0].span:
            counter.prefetch_histogram(whole_binning(keys[0], *keys[0].span, limit))

    (keys, counted), _ = _ask_at_once(lambda: _count(counter, keys), prefetch_histogram)
    star_names = []
    if select.has_star and select.table is not None:  # one row shows which columns these are
        answer = request.ask(select.statement(top=1), 1)
        star_names = [item.name.lower() for item in answer.fields]
    places = locate_keys(select, keys, star_names)
    with progress_bar(
        request.wanted(counted.rows),
        description=f"Rows of {select.table[0]}" if select.table else "Rows",
        show=request.show_progress,
    ) as bar:
        fetcher = Fetcher(request, counter, places, bar, limit)
        proof = Proof(counter, select, places)
        return PagedQuery(request, counter, fetcher, proof, keys, counted).run()


@dataclass
class PagedQuery:
    """A query that is fetched in pages: plan, fetch, verify, count again, prove, assemble."""

    request: Request
    counter: Counter
    fetcher: Fetcher
    proof: Proof
    keys: list[Key]  # to cut pages along, best first
    counted: KeyStatistics  # of all rows, before they are fetched

    def run(self) -> Table:
        """Return the whole result, as soon as pages and proof agree."""
        rounds = 0
        while True:
            fetched, columns, sums = self._settle()
            try:
                return self._assemble(fetched, columns, sums)
            except IncompleteResultError as error:
                # The service's own numbers contradict the pages, any of which may be the wrong one.
                self.fetcher.forget()
                rounds += 1
                if rounds == _ROUNDS:
                    raise
                log.debug(f"{error} Fetching all pages again.")

    def _settle(self) -> tuple[list[Fetched], list, Sums]:
        """Plan and fetch until the rows are counted the same before and after.

        Where the archive changed meanwhile, only pages whose counts changed are fetched again.
        """
        pages, failure = self._plan(), None
        for _ in range(_ROUNDS):
            try:
                fetched = self.fetcher.fetch(pages)
                after, same_histograms, sums, columns = self._count_again(fetched)
                if after == self.counted and same_histograms:
                    return fetched, columns, sums
            except ArchiveChangedError as error:
                failure = error
                self.keys, after = _count(self.counter, self.keys)
            same_counts, self.counted = after == self.counted, after
            self.counter.same_histograms()
            recounted = [replace(page, rows=self.counter.count(page.condition)) for page in pages]
            if sum(page.rows for page in recounted) != after.rows or not self._wants_all():
                recounted = self._plan()
            if recounted == pages and same_counts:  # rows moved within pages: none can be trusted
                self.fetcher.forget()
            pages = recounted
        raise ArchiveChangedError(
            "The archive's table kept changing while it was fetched.", remedy="try again later."
        ) from failure

    def _plan(self) -> list[Page]:
        """Cut the query into pages; one page is all where the rows fit."""
        count, target = self.counted.rows, self.fetcher.target
        if count <= target:
            return [Page((), count)]
        self.counter.forget_histograms()
        # Where nothing is wanted, one page shows the columns.
        wanted = None if self._wants_all() else max(1, self.request.wanted(count))
        planner = Planner(self.counter, target, self.fetcher.limit)
        return planner.pages(self.keys, wanted=wanted, statistics=self.counted)

    def _wants_all(self) -> bool:
        return self.request.wanted(self.counted.rows) == self.counted.rows

    def _count_again(self, fetched: list[Fetched]) -> tuple[KeyStatistics, bool, Sums, list]:
        """Count again while the pages are joined.

        Return the counts, whether those along the keys are the same, sums, and the columns.
        """
        names = []
        if self._wants_all() and self.counted.rows:
            names = self.proof.columns_to_sum(fetched[0].columns, self.fetcher.fields)

        def join():
            columns = join_columns([item.columns for item in fetched])
            self.proof.compare_keys(columns)
            return columns

        (after, same_histograms, sums), columns = _at_once(lambda: self._ask_again(names), join)
        return after, same_histograms, sums, columns

    def _ask_again(self, names: list[str]) -> tuple[KeyStatistics, bool, Sums]:
        """Ask for counts, histograms and sums: by one request where possible, else side by side."""
        found = None
        if self.keys:
            try:
                found = self.counter.recount(self.keys[0], names, self.counted, self.fetcher.limit)
            except ServiceUnavailableError:
                raise
            except ServiceError as error:
                # It cannot add up some column, or (plain ADQL 2.0) not group by an expression.
                log.debug(f"Sums are asked for separately: {error}")
        if found is not None:
            return found
        (self.keys, after), same_histograms, sums = _ask_at_once(
            lambda: _count(self.counter, self.keys),
            self.counter.same_histograms,
            lambda: self.counter.sums(names) if names else [],
        )
        return after, same_histograms, Sums([[value] for value in sums])

    def _assemble(self, fetched: list[Fetched], columns: list, sums: Sums) -> Table:
        """Prove the whole, and make the table."""
        request, fields, count = self.request, self.fetcher.fields, self.counted.rows
        rows, whole = sum(item.page.rows for item in fetched), self._wants_all()
        if whole and rows != count:
            raise IncompleteResultError(
                f"The pages have {rows} rows and {count} were counted.",
                remedy="try again; the archive may be changing.",
            )
        notes = self.proof.check(columns, [item.sha256 for item in fetched], sums, whole=whole)
        shown = len(fields) - self.fetcher.places.extras
        first = slice(0, request.wanted(count))
        table = make_table(fields[:shown], take(columns[:shown], first))
        sign(table, request, count, fetched, notes, self.fetcher.infos)
        if request.store is not None:
            request.store.save_result(table, self.counted, self.keys[0] if self.keys else None)
        return table


@dataclass(frozen=True)
class WholeQuery:
    """A query that is fetched in one piece: count, fetch, count again, assemble.

    Aggregates, DISTINCT, set operations and the like: a condition on a key would change their rows.
    """

    request: Request
    counter: Counter

    def run(self) -> Table:
        """Return the whole result, if the service can return it in one answer."""
        request, select = self.request, self.request.select
        kept, (count,) = _load_result(request.store, lambda: (self._count(),))
        if kept is not None:
            return kept
        expected = count if select.top is None else min(count, select.top)
        adql = select.text
        if select.top is None and select.items:  # HEASARC cuts what has no TOP, DaCHS heeds MAXREC
            adql = re.sub(
                r"\ASELECT(\s+(?:DISTINCT|ALL)\b)?",
                rf"SELECT\1 TOP {expected + 1}",
                adql,
                count=1,
                flags=re.IGNORECASE,
            )
        answer, attempts = request.fetch(adql, expected)
        if (again := self._count()) != count:
            raise ArchiveChangedError(
                f"The query had {count} rows before and {again} after it was fetched.",
                remedy="try again.",
            )
        if answer.num_rows != expected:
            raise IncompleteResultError(
                f"{answer.num_rows} rows came instead of {expected}. "
                f"The query cannot be fetched in pages because {select.reason}.",
                remedy="leave that out, and do it on the table that is returned.",
            )
        columns = answer.columns
        if not select.order_by:  # the same rows in the same order in every call
            columns = take(columns, key_order(columns, None))
        fetched = Fetched(Page((), expected), columns, digest(columns), attempts)
        notes = [f"fetched in one request because {select.reason}"]
        table = make_table(answer.fields, take(columns, slice(0, request.maxrec)))
        sign(table, request, expected, [fetched], notes, answer.infos)
        if request.store is not None:
            request.store.save_result(table, (count,))
        return table

    def _count(self) -> int:
        select = self.request.select
        if select.single:
            return 1
        if select.plain:
            return self.counter.count()
        try:
            return self.counter.count_statement(select.unordered)
        except ServiceUnavailableError:
            raise
        except ServiceError as error:
            self.request.ask(select.text, 1)  # an error of the query itself says more
            raise IncompleteResultError(
                f"The rows of the query cannot be counted: {error.failed}",
                remedy="ask for plain columns, and aggregate them afterwards.",
            ) from error


def _count(counter: Counter, keys: list[Key]) -> tuple[list[Key], KeyStatistics]:
    """Count along the first key that the service can order; return the keys from there on."""
    while keys:
        try:
            return keys, counter.key_statistics(keys[0])
        except ServiceError:
            counter.count()  # an error of the query itself says more
            keys = keys[1:]
    return [], KeyStatistics(counter.count(), 0, None, None)


def _load_result(store: PageStore | None, count: Callable) -> tuple[Table | None, Any]:
    """Count while a kept result is read; return it if these are its counts, and the counts."""
    if store is None:
        return None, count()
    (table, kept), now = _at_once(store.load_result, count)
    return (table if kept == repr(now) else None), now


def _ask_at_once(*tasks: Callable[[], Any]) -> list:
    """Run tasks that send requests side by side: as many as pages may be fetched at a time."""
    return _at_once(*tasks, at_most=max(1, conf.parallel_pages))


def _at_once(*tasks: Callable[[], Any], at_most: int | None = None) -> list:
    """Run tasks side by side, and return their results."""
    with ThreadPoolExecutor(at_most or len(tasks)) as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
