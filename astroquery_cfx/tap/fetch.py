# Licensed under a 3-clause BSD style license - see LICENSE
"""Pages from the service, verified one by one; those that do not fit under its limit are cut finer."""

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from ..errors import ArchiveChangedError, IncompleteResultError
from .assemble import digest, key_order, take
from .store import KeptPage
from .verify import arrange, page_fault, repeated_values

__all__ = ["Fetched", "Fetcher"]

_TRIES = 3
_CUTS = 6
# A lower limit is used, but more likely an accident than the service's own: it is found again next time.
_LEAST_KEPT_LIMIT = 1000


@dataclass
class Fetched:
    """A page that came and was verified; its rows in the order of the leading key."""

    page: object
    columns: list
    sha256: str
    attempts: int = 0


@dataclass
class Fetcher:
    """
    Get pages.

    Parameters
    ----------
    transport : Transport
    counter : Counter
    items : list of str
        The select list.
    positions : dict
        Expression of a key to the index of its column in an answer.
    lead : int or None
        Index of the column that orders the rows.
    identity : list of int
        Indices of the columns that together should have no values twice.
    cut : callable
        ``cut(page, limit)`` gives the page in finer pages.
    parallel : int
        How many pages at a time.
    uploads : dict, optional
    store : PageStore, optional
    bar : object
        Its ``update(rows)`` is called for each page.
    limit : int or None
        Rows that the service gives at most, as far as is known; lowered when a page comes short.
    """

    transport: object
    counter: object
    select: object
    items: list
    positions: dict
    lead: int | None
    identity: list
    cut: object
    parallel: int = 1
    uploads: dict | None = None
    store: object = None
    bar: object = None
    limit: int | None = None
    fields: list | None = None
    infos: list = field(default_factory=list)
    _verified: dict = field(default_factory=dict, repr=False)
    _lock: object = field(default_factory=threading.Lock, repr=False)

    def fetch(self, pages):
        """
        Get all pages.

        Parameters
        ----------
        pages : list of Page

        Returns
        -------
        list of Fetched
            In the order of the pages.
        """
        if len(pages) == 1 or self.parallel <= 1:
            return [item for page in pages for item in self._get(page)]
        # The first alone: it shows whether pages of that size pass.
        found = {0: self._get(pages[0])} if self.limit is None else {}
        # Small ones first: they would keep one connection busy at the end, and all others idle.
        todo = sorted(
            (number for number in range(len(pages)) if number not in found),
            key=lambda number: pages[number].rows,
        )
        with ThreadPoolExecutor(self.parallel) as pool:
            running = {pool.submit(self._get, pages[number]): number for number in todo}
            try:
                while running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        found[running.pop(future)] = future.result()
            except BaseException:
                for future in running:
                    future.cancel()
                raise
        return [item for number in sorted(found) for item in found[number]]

    def forget(self):
        """Fetch every page again."""
        self._verified.clear()
        if self.store is not None:
            self.store.drop_pages()

    def _get(self, page, cuts=0):
        """One page, or the finer pages that it had to be cut into."""
        if page in self._verified:
            return [self._verified[page]]
        stored = self._load(page)
        if stored is not None:
            self.bar.update(page.rows)
            return [stored]
        if self.limit is not None and page.rows >= self.limit and page.rows > 1 and cuts < _CUTS:
            return self._get_finer(page, cuts)
        fetched, short = self._try(page)
        if fetched is not None:
            self.bar.update(page.rows)
            return [fetched]
        if cuts >= _CUTS:
            raise IncompleteResultError(
                f"Pages stay short however fine they are cut ({_where(page)}).",
                remedy="try again; if it stays, the service loses rows.",
            )
        with self._lock:
            self.limit = short if self.limit is None else min(self.limit, short)
        if self.store is not None and self.limit >= _LEAST_KEPT_LIMIT:
            self.store.keep_limit(self.limit)
        return self._get_finer(page, cuts)

    def _get_finer(self, page, cuts):
        return [item for finer in self.cut(page, self.limit) for item in self._get(finer, cuts + 1)]

    def _try(self, page):
        """The page, or else the number of rows that the service cuts it to."""
        attempts, fault, lengths, repeats = 0, "", [], None
        for _ in range(_TRIES):
            answer, tries = self._ask(page)
            attempts += tries
            fault = page_fault(answer, page, self.positions, self.fields)
            if not fault:
                seen, repeats = repeats, self._repeats(answer)
                if repeats in (0, seen):  # the same each time: the key is not unique in the archive
                    return self._accept(page, answer, attempts), None
                fault = "it has a key twice"
            lengths.append(answer.num_rows)
            if len(lengths) >= 2 and 0 < lengths[-1] == lengths[-2] < page.rows:
                break  # the same piece each time: a limit, not an accident
        recount = self.counter.count(page.condition)
        if recount != page.rows:
            raise ArchiveChangedError(
                f"{page.rows} rows were counted and there are {recount} now ({_where(page)}).",
                remedy="try again later; the archive is being changed.",
            )
        if len(lengths) >= 2 and 1 < lengths[-1] == lengths[-2] < page.rows:
            return None, lengths[-1]
        raise IncompleteResultError(
            f"A page is not what was counted: {fault} ({_where(page)}).",
            kept="the pages that were verified are in the cache." if self.store is not None else "",
            remedy="try again; if it stays, the service loses, repeats or changes rows.",
        )

    def _repeats(self, answer):
        """How many rows have a key that another row of the page has."""
        if not self.identity or answer.num_rows == 0:
            return 0
        different, known = repeated_values([answer.columns[i] for i in self.identity])
        return known - different

    def _ask(self, page):
        adql = self.select.statement(self.items, where=page.condition, top=page.rows + 1)
        return self.transport.ask(adql, maxrec=page.rows + 1, uploads=self.uploads)

    def _accept(self, page, answer, attempts):
        with self._lock:
            if self.fields is None:
                self.fields = _spelled_as_asked(answer.fields, self.select)
                self.infos = answer.infos
        columns = arrange(answer, self.fields)
        columns = take(columns, key_order(columns, self.lead))
        fetched = self._verified[page] = Fetched(page, columns, digest(columns), attempts)
        if self.store is not None:
            kept = (page.condition, page.rows, columns, fetched.sha256, self.fields, self.infos)
            self.store.save_page(KeptPage(*kept))
        return fetched

    def _load(self, page):
        if self.store is None:
            return None
        kept = self.store.load_page(page.condition, page.rows)
        if kept is None:
            return None
        with self._lock:
            if self.fields is None:
                self.fields, self.infos = kept.fields, kept.infos
        same = [item.name for item in kept.fields] == [item.name for item in self.fields]
        return Fetched(page, kept.columns, kept.sha256) if same else None


def _spelled_as_asked(fields, select):
    """Names that differ from those asked for in case only are taken as they were asked for."""
    asked = (
        {}
        if select.has_star
        else {i: item.name for i, item in enumerate(select.items) if item.name}
    )
    return [
        replace(item, name=asked[i]) if asked.get(i, "").lower() == item.name.lower() else item
        for i, item in enumerate(fields)
    ]


def _where(page):
    return page.condition or "all rows"
