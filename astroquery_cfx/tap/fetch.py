# Licensed under a 3-clause BSD style license - see LICENSE
"""Fetch pages and verify each; cut those finer that do not fit under the service's row limit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import Any

from ..config import conf
from ..errors import ArchiveChangedError, IncompleteResultError
from .adql import Select
from .assemble import digest, key_order, take
from .binary import Field
from .counting import Counter
from .plan import Page, Planner
from .proof import arrange, distinct_values, page_fault
from .schema import KeyPlaces
from .store import KeptPage, PageStore
from .transport import Transport
from .votable import Answer

_TRIES = 3
# How often a page that comes short is cut finer before the service is called unreliable.
_CUTS = 6
# A lower limit is used, but is more likely an accident than the service's own: it is not kept.
_LEAST_KEPT_LIMIT = 1000


@dataclass(frozen=True)
class Request:
    """One call: the query, the service it goes to, and how much of the result is wanted."""

    select: Select
    url: str
    transport: Any  # a Transport, or another object with its method `ask`
    page_rows: int  # that a page is aimed at
    uploads: dict[str, bytes] | None = None
    maxrec: int | None = None
    store: PageStore | None = None  # None: nothing is kept on disk
    show_progress: bool | None = None

    def ask(self, adql: str, rows: int) -> Answer:
        """Ask a short question, with an answer of at most `rows` rows.

        Never by an asynchronous job, which takes seconds to start, unless there is no other way.
        """
        transport = self.transport
        if isinstance(transport, Transport) and transport.use_jobs:
            transport = replace(transport, use_jobs=False)
        return transport.ask(adql, maxrec=rows + 1, uploads=self.uploads)[0]

    def fetch(self, adql: str, rows: int) -> tuple[Answer, int]:
        """Fetch `rows` rows of the result; return the number of attempts, too.

        DaCHS heeds MAXREC and not the TOP of the query, HEASARC the opposite. Both make room for
        one row more, which shows whether there are more: DaCHS calls full answers truncated.
        """
        return self.transport.ask(adql, maxrec=rows + 1, uploads=self.uploads)

    def wanted(self, count: int) -> int:
        """Return how many of the rows are wanted: all, or as many as TOP or maxrec allow."""
        return min(n for n in (count, self.maxrec, self.select.top) if n is not None)


@dataclass
class Fetched:
    """A page that was fetched and verified, its rows in the order of the leading key."""

    page: Page
    columns: list  # of (data, mask)
    sha256: str
    attempts: int = 0  # 0 for a page that was kept on disk


@dataclass
class Fetcher:
    """Fetch pages, several at a time, and remember those that are verified."""

    request: Request
    counter: Counter
    places: KeyPlaces
    bar: Any  # its ``update(rows)`` is called for each page
    limit: int | None = None  # the service's row limit, if known; lowered when a page comes short
    fields: list[Field] = field(default_factory=list)  # of all pages, once the first is there
    infos: list[tuple[str, str]] = field(default_factory=list)
    _verified: dict[Page, Fetched] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    @property
    def target(self) -> int:
        """Return the rows that a page is aimed at: below the limit, as a full answer may be cut."""
        rows = self.request.page_rows
        return rows if self.limit is None else max(1, min(rows, self.limit - 1))

    def fetch(self, pages: list[Page]) -> list[Fetched]:
        """Return all pages in order, some of them cut finer."""
        if len(pages) == 1 or conf.parallel_pages <= 1:
            return [item for page in pages for item in self._get(page)]
        # The first alone: it shows whether pages of that size fit under an unknown limit.
        found = {0: self._get(pages[0])} if self.limit is None else {}
        # Small ones first: at the end they would keep one connection busy and the others idle.
        todo = sorted(
            (number for number in range(len(pages)) if number not in found),
            key=lambda number: pages[number].rows,
        )
        with ThreadPoolExecutor(conf.parallel_pages) as pool:
            running = {pool.submit(self._get, pages[number]): number for number in todo}
            try:
                for future in as_completed(running):
                    found[running[future]] = future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [item for number in sorted(found) for item in found[number]]

    def forget(self) -> None:
        """Fetch every page again."""
        self._verified.clear()
        if self.request.store is not None:
            self.request.store.drop_pages()

    def _get(self, page: Page, cuts: int = 0) -> list[Fetched]:
        """Return a page, or the finer ones that it had to be cut into."""
        if page in self._verified:
            return [self._verified[page]]
        fetched = self._load(page)
        too_large = self.limit is not None and page.rows >= self.limit and page.rows > 1
        if fetched is None and (not too_large or cuts >= _CUTS):
            fetched, short = self._try(page)
            if fetched is None:
                if cuts >= _CUTS:
                    raise IncompleteResultError(
                        f"Pages are cut short however small they are ({page}).",
                        remedy="try again; if the error persists, the service loses rows.",
                    )
                with self._lock:
                    self.limit = short if self.limit is None else min(self.limit, short)
                if self.request.store is not None and self.limit >= _LEAST_KEPT_LIMIT:
                    self.request.store.keep_limit(self.limit)
        if fetched is not None:
            self.bar.update(page.rows)
            return [fetched]
        keys = self.places.keys
        if page.ranges and page.ranges[-1].null:  # rows without a key, which it cannot cut
            used = {piece.key for piece in page.ranges}
            keys = [key for key in keys if key.expression not in used]
        finer = Planner(self.counter, self.target, self.limit).pages(keys, within=page.ranges)
        return [item for part in finer for item in self._get(part, cuts + 1)]

    def _try(self, page: Page) -> tuple[Fetched | None, int]:
        """Fetch and verify a page; return None where the service cuts it, and to how many rows."""
        attempts, fault = 0, ""
        lengths: list[int] = []
        repeats: int | None = None
        adql = self.request.select.statement(
            self.places.items, where=page.condition, top=page.rows + 1
        )
        for _ in range(_TRIES):
            answer, tries = self.request.fetch(adql, page.rows)
            attempts += tries
            fault = page_fault(answer, page, self.places.positions, self.fields)
            if not fault:
                seen, repeats = repeats, self._repeats(answer)
                if repeats in (0, seen):  # the same each time: the key is not unique in the archive
                    return self._accept(page, answer, attempts), 0
                fault = "it has a key twice"
            lengths.append(answer.num_rows)
            if len(lengths) >= 2 and 0 < lengths[-1] == lengths[-2] < page.rows:
                break  # the same piece each time: a limit, not an accident
        if (recount := self.counter.count(page.condition)) != page.rows:
            raise ArchiveChangedError(
                f"{page.rows} rows were counted before and {recount} now ({page}).",
                remedy="try again later; the archive is being changed.",
            )
        if len(lengths) >= 2 and 1 < lengths[-1] == lengths[-2] < page.rows:
            return None, lengths[-1]
        raise IncompleteResultError(
            f"A page is not what was counted: {fault} ({page}).",
            kept="the verified pages are in the cache." if self.request.store is not None else "",
            remedy="try again; if the error persists, the service loses, repeats or changes rows.",
        )

    def _repeats(self, answer: Answer) -> int:
        """Return how many rows have the same key as another row, where keys should be unique."""
        key, column = self.places.proof_key, self.places.proof_column
        if key is None or not key.unique or column is None or answer.num_rows == 0:
            return 0
        different, known = distinct_values(answer.columns[column])
        return known - different

    def _accept(self, page: Page, answer: Answer, attempts: int) -> Fetched:
        with self._lock:
            if not self.fields:
                # Names are spelled as in the query, whatever case the service gives them.
                items = () if self.request.select.has_star else self.request.select.items
                asked = {i: item.name for i, item in enumerate(items) if item.name}
                self.fields = [
                    replace(item, name=asked[i])
                    if asked.get(i, "").lower() == item.name.lower()
                    else item
                    for i, item in enumerate(answer.fields)
                ]
                self.infos = answer.infos
        columns = arrange(answer, self.fields)
        columns = take(columns, key_order(columns, self.places.lead))
        fetched = self._verified[page] = Fetched(page, columns, digest(columns), attempts)
        if self.request.store is not None:
            self.request.store.save_page(
                KeptPage(
                    page.condition, page.rows, columns, fetched.sha256, self.fields, self.infos
                )
            )
        return fetched

    def _load(self, page: Page) -> Fetched | None:
        """Return a page that is kept on disk, if it has the columns of the others."""
        store = self.request.store
        kept = None if store is None else store.load_page(page.condition, page.rows)
        if kept is None:
            return None
        with self._lock:
            if not self.fields:
                self.fields, self.infos = kept.fields, kept.infos
        same = [item.name for item in kept.fields] == [item.name for item in self.fields]
        return Fetched(page, kept.columns, kept.sha256) if same else None
