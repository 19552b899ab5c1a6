# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole result of a TAP query, or an error: count, plan, fetch, verify, assemble."""

import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import astropy
import numpy as np
import pyvo

from .. import __version__, conf
from ..errors import ArchiveChangedError, IncompleteResultError, InvalidInputError, ServiceError
from .adql import parse_select
from .assemble import digest, join_columns, key_order, make_table
from .counting import Counter, make_plan
from .plan import Page
from .schema import Column, Schema, choose_keys
from .transport import Transport, check_uploads

__all__ = ["complete_query"]

_ROUNDS = 3


def complete_query(service, adql, *, maxrec=None, uploads=None, key=None, page_rows=None, transport=None,
                   schema=None, show_progress=None):
    """
    Get the whole result of an ADQL query, or an error.

    The rows are counted, fetched in pages cut along a key, verified page by
    page, and counted again. The row limits of the service are met by cutting
    finer, not by trusting its overflow flags.

    Parameters
    ----------
    service : `~pyvo.dal.TAPService`
        Its URL and session are used.
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
    transport : object, optional
        What sends the queries, instead of `~astroquery_cfx.tap.Transport`.
    schema : `~astroquery_cfx.tap.schema.Schema`, optional
        Columns of the service's tables, kept from call to call.
    show_progress : bool, optional
        Show a progress bar; by default where standard error is a terminal.

    Returns
    -------
    `~astropy.table.Table`
        With units, descriptions and UCDs (``column.meta['ucd']``). ``meta['completeness']`` is the
        certificate: service, ADQL, rows counted before and after, pages with range, rows and SHA-256.

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

    Examples
    --------
    >>> from pyvo.dal import TAPService
    >>> from astroquery_cfx.tap import complete_query
    >>> service = TAPService("https://heasarc.gsfc.nasa.gov/xamin/vo/tap")
    >>> table = complete_query(service, "SELECT name, ra, dec FROM csc")  # doctest: +SKIP
    """
    select = parse_select(adql)
    if maxrec is not None and (isinstance(maxrec, bool) or not isinstance(maxrec, int | np.integer) or maxrec < 0):
        raise InvalidInputError(f"maxrec is {maxrec!r}.", remedy="give a whole number of rows, 0 or more, or None.")
    job = _Job(service.baseurl, select, transport or make_transport(service), check_uploads(uploads),
               page_rows or conf.page_rows, schema=schema, hint=key,
               maxrec=None if maxrec is None else int(maxrec), show_progress=show_progress)
    return job.run()


def make_transport(service):
    """The `Transport` to a `~pyvo.dal.TAPService`, with the time-outs of conf."""
    return Transport(service.baseurl.rstrip("?").rstrip("/"), service._session, timeout=conf.timeout,
                     stall_timeout=conf.stall_timeout, retries=conf.retries)


@dataclass
class _Fetched:
    """A page that came and was verified."""

    page: Page
    columns: list
    sha256: str
    attempts: int


@dataclass
class _Job:
    """One query on its way to a table."""

    url: str
    select: object
    transport: object
    uploads: dict | None
    page_rows: int
    schema: Schema | None = None
    hint: str | None = None
    maxrec: int | None = None
    show_progress: bool | None = None
    limit: int | None = None
    keys: list = field(default_factory=list)
    identity: object = None
    infos: list = field(default_factory=list)
    fields: list | None = None
    notes: list = field(default_factory=list)

    def run(self):
        self.schema = self.schema or Schema(lambda adql: self._ask(adql, 100_000))
        self.counter = Counter(self._ask, self.select)
        if not self.select.splits:
            return self._run_whole()
        self.before = self.counter.count()
        wanted = self._wanted(self.before)
        pages = self._plan(self.before, wanted)
        fetched = self._fetch(pages)
        fetched, after = self._settle(fetched)
        return self._finish(fetched, wanted, after)

    # --- plan

    def _wanted(self, count):
        """Rows to give: all, or as many as TOP or maxrec asked for."""
        asked = [n for n in (self.maxrec, self.select.top) if n is not None]
        return min([count, *asked])

    def _plan(self, count, wanted):
        self.keys, self.identity = self._find_keys()
        target = self._target(wanted)
        if count <= target or wanted == 0:
            return [Page((), count)] if wanted else [Page((), 0)]
        pages = make_plan(self.counter, self.keys, target, limit=self.limit)
        if sum(page.rows for page in pages) != count:
            raise IncompleteResultError("The counts of the pages do not add up to the count of the query.",
                                        remedy="try again; the archive may be changing.")
        return _first_pages(pages, wanted)

    def _target(self, wanted):
        target = self.page_rows if self.limit is None else min(self.page_rows, self.limit - 1)
        return max(1, min(target, max(wanted, 1000)))

    def _find_keys(self):
        table = self.select.table
        if table is not None:
            name, alias = table
            columns = self.schema.columns(name)
            if self.select.has_star:
                columns = [column for column in columns if not column.name.startswith("__")]
            keys, identity = choose_keys(columns, prefix=f"{alias}." if alias else "", hint=self.hint)
            if keys:
                return keys, identity
        return self._keys_of_items(), None

    def _keys_of_items(self):
        """Where TAP_SCHEMA cannot help: the columns that the query itself gives."""
        answer = self._ask(self.select.statement(top=1), 1)
        if self.select.has_star:
            pairs = [(field.name, field) for field in answer.fields] if self.select.table else []
        else:
            pairs = [(item.column, field) for item, field in zip(self.select.items, answer.fields, strict=True)
                     if item.column]
        columns = [Column(name, field.datatype, ucd=field.ucd or "") for name, field in pairs
                   if field.arraysize in (None, "", "1") or field.datatype in ("char", "unicodeChar")]
        return choose_keys(columns, hint=self.hint)[0]

    # --- fetch

    def _extras(self):
        """Keys that the query does not give and that the proof needs."""
        given = {_column_name(item.column) for item in self.select.items if item.column}
        if self.select.has_star:
            return []
        needed = [key for key in (*self._used, self.identity) if key is not None]
        return [key for key in dict.fromkeys(needed) if key.name.lower() not in given]

    def _fetch(self, pages):
        names = {item.key for page in pages for item in page.ranges}
        self._used = [key for key in self.keys if key.expression in names]
        self.extras = self._extras()
        if len(pages) == 1 or conf.parallel_pages <= 1:
            return [self._fetch_page(page) for page in pages]
        with ThreadPoolExecutor(conf.parallel_pages) as pool:
            return list(pool.map(self._fetch_page, pages))

    def _fetch_page(self, page):
        tries, failure = 0, None
        while tries < _ROUNDS:
            answer, attempts = self._page_answer(page)
            tries += attempts
            failure = self._fault(answer, page)
            if failure is None:
                return _Fetched(page, self._arranged(answer), digest(answer.columns), tries)
        recount = self.counter.count(page.condition)
        if recount != page.rows:
            raise ArchiveChangedError(f"The archive changes: a page of {page.rows} rows has {recount} now.",
                                      remedy="try again later.")
        raise IncompleteResultError(f"A page is not what was counted: {failure} ({page.condition or 'all rows'}).",
                                    remedy="try again; if it stays, the service loses or repeats rows.")

    def _page_answer(self, page):
        items = [item.text for item in self.select.items]
        items += [f"{key.expression} AS cfx_key_{i}" for i, key in enumerate(self.extras)]
        adql = self.select.statement(items, where=page.condition, top=page.rows + 1)
        return self.transport.ask(adql, maxrec=page.rows + 1, uploads=self.uploads)

    def _arranged(self, answer):
        """The columns in the order of the first page."""
        if self.fields is None:
            self.fields, self.infos = answer.fields, answer.infos
        names = [item.name.lower() for item in answer.fields]
        if names == [item.name.lower() for item in self.fields]:
            return answer.columns
        return [answer.columns[names.index(item.name.lower())] for item in self.fields]

    # --- verify

    def _fault(self, answer, page):
        """What is wrong with a page, or None."""
        if not answer.has_table:
            return "there is no table in the answer"
        if answer.num_rows != page.rows:
            return f"{answer.num_rows} rows came instead of {page.rows}"
        if self.fields is not None and not _same_fields(self.fields, answer.fields):
            return "its columns differ from those of the other pages"
        for item in page.ranges:
            index = self._index_of(item.key, answer.fields)
            if index is not None and not _inside(item, *answer.columns[index]):
                return f"it holds keys outside of {item.condition}"
        return None

    def _index_of(self, expression, fields):
        """Which column of an answer holds a key."""
        key = next(key for key in self.keys if key.expression == expression)
        for i, extra in enumerate(self.extras):
            if extra == key:
                return len(fields) - len(self.extras) + i
        if not self.select.has_star:
            for i, item in enumerate(self.select.items):
                if item.column and _column_name(item.column) == key.name.lower():
                    return i
        return next((i for i, item in enumerate(fields) if item.name.lower() == key.name.lower()), None)

    def _settle(self, fetched):
        """Count again; fetch again what changed; give up where it goes on changing."""
        for _ in range(_ROUNDS):
            after = self.counter.count()
            if after == self.before:
                return fetched, after
            self.before = after
            fetched = self._fetch(self._plan(after, self._wanted(after)))
        raise ArchiveChangedError("The archive's table kept changing while it was fetched.",
                                  remedy="try again later.")

    def _check_unique(self, columns):
        """No key twice, unless the service itself says that it has it twice."""
        if self.identity is None:
            self.notes.append("no unique key: repeated rows are not excluded by a key")
            return
        index = self._index_of(self.identity.expression, self.fields)
        if index is None:
            self.notes.append(f"{self.identity.name} is not in the result: repeated rows are not excluded by a key")
            return
        data, mask = columns[index]
        different = len(np.unique(data if mask is None else data[~mask]))
        if different == len(data):
            self.notes.append(f"{self.identity.name} is unique")
            return
        theirs = self.counter.distinct(self.identity.expression)
        if different < theirs:
            raise IncompleteResultError(
                f"{self.identity.name} has {theirs} values in the archive and {different} in what came.",
                remedy="try again; if it stays, the service loses or repeats rows.")
        self.notes.append(f"{self.identity.name} is not unique in the archive: {theirs} values")

    # --- assemble

    def _finish(self, fetched, wanted, after):
        columns = join_columns([item.columns for item in fetched])
        rows = sum(item.page.rows for item in fetched)
        if len(columns) and len(columns[0][0]) != rows:
            raise IncompleteResultError("The pages do not add up.")
        if wanted == after:
            self._check_unique(columns)
        order = self._order(fetched, columns)[:wanted]
        shown = len(self.fields) - len(self.extras)
        columns = [(data[order], None if mask is None else mask[order]) for data, mask in columns[:shown]]
        columns = [(data, mask if mask is not None and mask.any() else None) for data, mask in columns]
        table = make_table(self.fields[:shown], columns)
        table.meta["completeness"] = self._certificate(fetched, len(table), after)
        _copy_simulated(self.infos, table)
        return table

    def _order(self, fetched, columns):
        lead = self.keys[0] if self.keys else None
        if fetched[0].page.ranges:
            lead = next(key for key in self.keys if key.expression == fetched[0].page.ranges[0].key)
        index = self._index_of(lead.expression, self.fields) if lead is not None else None
        return key_order(columns, index)

    def _certificate(self, fetched, rows, after):
        certificate = {
            "service": self.url, "adql": self.select.text, "rows": rows, "rows_before": self.before,
            "rows_after": after, "complete": rows == after,
            "pages": [_page_record(item) for item in fetched], "notes": self.notes,
            "retrieved": datetime.now(UTC).isoformat(timespec="seconds"), "versions": _versions()}
        if self.maxrec is not None:
            certificate["maxrec"] = self.maxrec
        if self.select.top is not None:
            certificate["top"] = self.select.top
        return certificate

    # --- what cannot be split

    def _run_whole(self):
        self.extras, self._used = [], []
        expected = 1 if self.select.single else self._count_whole()
        wanted = self._wanted(expected)
        answer, attempts = self.transport.ask(self._room(wanted), maxrec=expected + 1, uploads=self.uploads)
        self.before = expected
        after = expected if self.select.single else self._count_whole()
        if answer.num_rows != expected or after != expected:
            raise IncompleteResultError(
                f"{answer.num_rows} rows came of {expected}, and the query cannot be split because "
                f"{self.select.reason}.", remedy="leave that out and do it on the table that comes.")
        self.fields, self.infos = answer.fields, answer.infos
        self.notes.append(f"fetched in one request: {self.select.reason}")
        fetched = [_Fetched(Page((), expected), answer.columns, digest(answer.columns), attempts)]
        columns = [(data[:wanted], None if mask is None else mask[:wanted]) for data, mask in answer.columns]
        table = make_table(self.fields, columns)
        table.meta["completeness"] = self._certificate(fetched, len(table), after)
        _copy_simulated(self.infos, table)
        return table

    def _room(self, rows):
        """The query with a TOP that makes room for its rows, where it has none."""
        text = self.select.text
        if self.select.top is not None or not re.match(r"SELECT\s", text, re.IGNORECASE) or not self.select.items:
            return text
        return re.sub(r"\ASELECT(\s+(?:DISTINCT|ALL)\b)?", rf"SELECT\1 TOP {rows + 1}", text, count=1,
                      flags=re.IGNORECASE)

    def _count_whole(self):
        text = self.select.text
        if self.select.order_by and self.select.top is None:
            text = re.sub(r"\bORDER\s+BY\s+" + re.escape(self.select.order_by) + r"\s*\Z", "", text,
                          flags=re.IGNORECASE)
        try:
            return self.counter.count_statement(text)
        except ServiceError as error:
            self._ask(self.select.text, 1)  # where the query itself is wrong, say that
            raise IncompleteResultError(f"The rows of the query cannot be counted: {error.failed}",
                                        remedy="ask for plain columns, and fold them afterwards.") from error

    def _ask(self, adql, rows):
        return self.transport.ask(adql, maxrec=rows + 1, uploads=self.uploads)[0]


def _first_pages(pages, wanted):
    """As many pages, from the first, as hold the wanted rows."""
    chosen, rows = [], 0
    for page in pages:
        if rows >= wanted:
            break
        chosen.append(page)
        rows += page.rows
    return chosen


def _column_name(expression):
    return expression.rpartition(".")[2].strip('"').lower()


def _same_fields(first, other):
    def signature(fields):
        return sorted((item.name.lower(), item.datatype) for item in fields)
    return signature(first) == signature(other)


def _inside(piece, data, mask):
    """Whether all keys of a column lie in a range. The order of texts is the service's own: not checked."""
    known = data if mask is None else data[~mask]
    if piece.null:
        return len(known) == 0 or (data.dtype.kind in "UO" and not any(known))
    if data.dtype.kind not in "iuf":
        return True
    hidden = len(data) - len(known)
    if hidden and (data.dtype.kind != "f" or piece.high is not None):
        return False  # NaN sorts above all numbers: it may lie in the last range only
    return bool((piece.low is None or (known >= piece.low).all()) and (piece.high is None or (known < piece.high).all()))


def _page_record(item):
    lead = item.page.ranges[0] if item.page.ranges else None
    return {"low": lead.low if lead else None, "high": lead.high if lead else None,
            "where": item.page.condition, "rows": item.page.rows, "sha256": item.sha256,
            "attempts": item.attempts}


def _copy_simulated(infos, table):
    for name, value in infos:
        if name == "simulated":
            table.meta["simulated"] = value


def _versions():
    return {"astroquery_cfx": __version__, "astropy": astropy.__version__, "numpy": np.__version__,
            "pyvo": pyvo.__version__, "python": platform.python_version()}
