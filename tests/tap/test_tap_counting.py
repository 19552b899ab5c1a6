# Licensed under a 3-clause BSD style license - see LICENSE
"""What is counted at a service, and the pages that are planned with it: on a real SQL engine."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from pyvo.dal import TAPService

from astroquery_cfx import (
    IncompleteResultError,
    InvalidInputError,
    ServiceError,
    ServiceUnavailableError,
)
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.tap import Schema
from astroquery_cfx.tap.adql import parse_select
from astroquery_cfx.tap.counting import Counter, KeyStatistics
from astroquery_cfx.tap.plan import Binning, Page, Planner, Range, whole_binning
from astroquery_cfx.tap.proof import bin_places, sum_error
from astroquery_cfx.tap.schema import Key, choose_keys
from astroquery_cfx.tap.transport import make_transport

ROWS = 3000
X, ID, TEXT = (
    Key(*key) for key in (("x", "x", "float"), ("id", "id", "integer"), ("t", "t", "text"))
)


@pytest.fixture(scope="module")
def stars():
    random = np.random.default_rng(11)
    hidden = np.arange(ROWS) % 97 == 5
    table = Table(
        {
            "name": [f"star {i:05d}" for i in range(ROWS)],
            "ra": MaskedColumn(random.uniform(0, 360, ROWS), mask=hidden),
            "flux": MaskedColumn(random.lognormal(-30, 2, ROWS), mask=np.arange(ROWS) % 3 == 0),
            "number": random.integers(-(2**40), 2**40, ROWS),
        }
    )
    table["ra"].meta["ucd"] = "pos.eq.ra;meta.main"
    return table


@pytest.fixture(scope="module")
def odd():
    """Keys that are infinite, NULL, or the same in most rows."""
    number = np.arange(400)
    x = np.where(number < 350, 7.25, number / 8)
    x[[3, 9]] = np.inf
    words = np.array([f"w{'abcd'[i % 4]}{i // 40}" for i in number])
    return Table(
        {
            "x": MaskedColumn(x, mask=number % 40 == 1),
            "id": number.astype("i8") * 3 + 5,
            "t": MaskedColumn(words, mask=number % 40 == 1),
            "same": np.full(400, "one"),
            "part": number / 1000 + 0.1,
            "pair": number % 2,
            "empty": MaskedColumn(number * 1.0, mask=True),
        }
    )


@pytest.fixture(scope="module")
def words():
    """Texts of which some have more rows than a page may have."""
    return Table({"word": [*"a" * 3, *"b" * 12, *"c" * 3, *"d" * 12, *"e" * 10], "id": range(40)})


@pytest.fixture(scope="module")
def archive(stars, odd, words):
    with EmbeddedArchive({"stars": stars, "odd": odd, "words": words}) as running:
        yield running


class Asker:
    """Ask the archive, write down what was asked, and change the answers by `tamper`, one each."""

    def __init__(self, transport):
        self.transport, self.asked, self.rooms, self.tamper = transport, [], [], []

    def __call__(self, adql, rows):
        self.asked.append(adql)
        self.rooms.append(rows)
        answer = self.transport.ask(adql, maxrec=rows + 1)[0]
        return self.tamper.pop(0)(answer) if self.tamper else answer


@pytest.fixture
def ask(archive):
    service = TAPService(archive.url + "/tap")
    return Asker(replace(make_transport(service), retries=0, pause=lambda _: None))


@pytest.fixture
def counting(ask):
    """A counter of all stars, the position as a key, and the queries that were asked."""
    columns = Schema(lambda adql: ask(adql, 1000)).columns("stars")
    key = choose_keys(columns, hint="ra")[0]
    ask.asked.clear()
    return Counter(ask, parse_select("SELECT * FROM stars")), key, ask.asked


@pytest.fixture
def counter(ask):
    return Counter(ask, parse_select("SELECT * FROM odd"))


# --- rows, statistics, sums


def test_counts(counter, odd):
    assert counter.count() == 400
    assert counter.count("id < 50") == 15
    assert counter.distinct("pair") == 2
    assert counter.distinct("t") == len(set(odd["t"].compressed()))  # NULL is not a value
    assert counter.count_statement("SELECT pair, COUNT(*) AS n FROM odd GROUP BY pair") == 2
    assert Counter(
        counter._ask, parse_select("SELECT id FROM odd WHERE id < 50 OR id > 1190")
    ).count("pair = 0") == len([i for i in range(0, 400, 2) if i * 3 + 5 < 50 or i * 3 + 5 > 1190])


def test_statistics_of_keys(counter, ask):
    assert counter.key_statistics(ID) == (400, 400, 5, 1202)
    assert counter.key_statistics(ID, "id > 600") == (201, 201, 602, 1202)
    assert counter.key_statistics(TEXT) == (400, 390, "wa0", "wd9")
    assert len(ask.asked) == 3
    # infinities are asked around
    assert counter.key_statistics(X) == (400, 390, 7.25, 49.875)
    assert len(ask.asked) == 5
    assert counter.key_statistics(X, "x > 50") == (2, 2, None, None)
    assert counter.key_statistics(Key("empty", "empty", "float")) == (400, 0, None, None)


def test_span_of_keys(counter):
    assert counter.key_span(X, "") == [7.25, 49.875]
    assert counter.key_span(X, "x > 44.5") == [44.625, 49.875]
    assert counter.key_span(ID, "id > 8 AND id < 15") == [11, 14]
    assert counter.key_span(X, "x > 50") == [None, None]


def test_sums(counter):
    assert counter.sums(["id", "pair"]) == [sum(range(5, 1203, 3)), 200]
    assert counter.sums(["id", "nix"]) == [None, None]  # the service refuses both


def test_sums_of_a_service_that_is_down(counter, ask):
    ask.transport = replace(ask.transport, url="http://127.0.0.1:1/tap")
    with pytest.raises(ServiceUnavailableError):
        counter.sums(["id"])


@pytest.mark.parametrize(("times", "good"), [(2, True), (3, False)])
def test_answer_to_another_question(counter, ask, times, good):
    """It is asked again twice."""

    def renamed(answer):
        answer.fields = [replace(answer.fields[0], name="other"), *answer.fields[1:]]
        return answer

    ask.tamper = [renamed] * times
    if good:
        assert counter.count() == 400
    else:
        with pytest.raises(IncompleteResultError, match="by 1 rows of other: SELECT COUNT"):
            counter.count()
    assert len(ask.asked) == 3


def test_answer_with_more_rows(counter, ask):
    other = ask.transport.ask("SELECT TOP 2 id AS cfx_rows FROM odd")[0]
    ask.tamper = [lambda _: other] * 3
    with pytest.raises(IncompleteResultError, match="by 2 rows of cfx_rows: SELECT COUNT"):
        counter.count()


# --- histograms


def test_histogram(counter, odd):
    known = odd["x"].compressed()
    finite = known[np.isfinite(known)]
    for exponent in (-3, 0, 2):
        index, counts = np.unique(np.floor(finite / 2.0**exponent), return_counts=True)
        expected = dict(zip(index.astype(int).tolist(), counts.tolist(), strict=True))
        bins = counter.histogram(Binning(X, "x IS NOT NULL", exponent, 500))
        assert bins == expected | {None: len(known) - len(finite)}
    assert counter.histogram(Binning(ID, "id < 20", 3, 9)) == {0: 1, 1: 3, 2: 1}


def test_prefetched_histogram_is_used_once(counting, ask):
    counter, key, asked = counting
    counter.prefetch_histogram(whole_binning(key, *key.span, None))
    statistics = counter.key_statistics(key)
    asked.clear()
    first = Planner(counter, 500).pages([key], statistics=statistics)
    assert asked == []
    assert Planner(counter, 500).pages([key], statistics=statistics) == first
    assert len(asked) == 1
    assert sum(page.rows for page in first) == ROWS


def test_histogram_that_cannot_be_prefetched(counter, ask):
    counter.prefetch_histogram(Binning(TEXT, "", 0, 9))
    binning = Binning(ID, "", 9, 9)
    counter.prefetch_histogram(binning)
    assert counter.histogram(binning) == {0: 169, 1: 171, 2: 60}
    assert len(ask.asked) == 2


def test_histograms_are_counted_again(counter, ask):
    def with_one_more(answer):
        data, mask = answer.columns[1]
        answer.columns[1] = data + np.eye(1, len(data), dtype=data.dtype)[0], mask
        return answer

    assert counter.same_histograms()
    counter.histogram(Binning(ID, "", 9, 9))
    counter.histogram(Binning(X, "x < 9", 0, 9))
    assert counter.same_histograms()
    ask.tamper = [with_one_more]
    assert not counter.same_histograms()
    assert not counter.same_histograms()  # the other one was remembered
    assert counter.same_histograms()
    counter.forget_histograms()
    ask.asked.clear()
    assert counter.same_histograms()
    assert ask.asked == []


# --- all of it by one request


def test_recount_is_one_request_for_three(counting, stars):
    counter, key, asked = counting
    Planner(counter, 500).pages([key])
    separate = (
        counter.key_statistics(key),
        counter.same_histograms(),
        counter.sums(["ra", "flux", "number"]),
    )
    asked.clear()
    statistics, same, sums = counter.recount(key, ["ra", "flux", "number"], separate[0])
    assert len(asked) == 1
    assert (statistics, same) == separate[:2]
    assert statistics[:2] == (ROWS, int((~stars["ra"].mask).sum()))
    assert_sums(sums, stars)


def assert_sums(sums, stars):
    """Compare the sums of each bin; rows without a key are in one of their own."""
    assert sum(sums.rows) == ROWS
    assert sums.rows[sums.index.index(None)] == stars["ra"].mask.sum()
    assert len(sums.index) > 100
    places = bin_places((np.ma.getdata(stars["ra"]), stars["ra"].mask), sums)
    for name, values in zip(("ra", "flux", "number"), sums.values, strict=True):
        data, mask = np.ma.getdata(stars[name]), np.ma.getmaskarray(np.ma.asarray(stars[name]))
        assert sum(value or 0 for value in values) == pytest.approx(data[~mask].sum(), rel=1e-12)
        assert sum_error((data, mask), values, places) == 0
        row = np.flatnonzero(~mask)[700]
        nudged = data.copy()
        nudged[row] += (
            np.maximum(1, abs(nudged[row]) // 10**6).astype(data.dtype)
            if data.dtype.kind == "i"
            else nudged[row] * 1e-9
        )
        assert sum_error((nudged, mask), values, places) > 0


def test_recount_without_a_histogram(counting, stars):
    counter, key, asked = counting
    before = counter.key_statistics(key)
    asked.clear()
    statistics, same, sums = counter.recount(key, ["ra", "flux", "number"], before)
    assert len(asked) == 1
    assert (statistics, same) == (before, True)
    assert_sums(sums, stars)
    assert counter.recount(key, [], before) is None  # nothing to gain


def test_recount_sees_another_histogram(counting):
    counter, key, _ = counting
    Planner(counter, 500).pages([key])
    (binning,) = counter._histograms
    counter._histograms[binning][0] += 1
    before = counter.key_statistics(key)
    assert counter.recount(key, [], before)[1] is False
    assert counter.recount(key, [], before)[1] is True  # the new one was remembered


def test_recount_of_integers(counter):
    before = counter.key_statistics(ID)
    counter.histogram(whole_binning(ID, 5, 1202, None))
    statistics, same, sums = counter.recount(ID, ["pair"], before)
    assert (statistics, same) == (before, True)
    assert sum(sums.values[0]) == 200
    assert dict(zip(sums.index, sums.rows, strict=True)) == counter.histogram(
        whole_binning(ID, 5, 1202, None)
    )


def test_recount_is_not_always_possible(counter, ask):
    before = counter.key_statistics(ID)
    large = 2**53
    ask.asked.clear()
    assert counter.recount(ID, ["id"], before._replace(low=-large - 1)) is None
    assert counter.recount(ID, ["id"], before._replace(high=large + 1)) is None
    assert counter.recount(ID, ["id"], before._replace(low=None)) is None
    assert counter.recount(ID, ["id"], before._replace(low=9, high=9)) is None
    assert counter.recount(TEXT, ["id"], KeyStatistics(400, 390, "wa0", "wd9")) is None
    assert ask.asked == []
    assert counter.recount(ID, ["id"], before._replace(low=-large, high=large)) is not None
    # infinite keys have no bin
    assert counter.recount(X, ["id"], KeyStatistics(400, 390, 7.25, 49.875)) is None
    # the histogram is not of all rows
    counter.histogram(Binning(ID, "id < 50", 3, 9))
    assert counter.recount(ID, ["id"], before) is None
    counter.forget_histograms()
    counter.histogram(whole_binning(ID, 5, 1202, None))
    assert counter.recount(Key("pair", "pair", "integer"), ["id"], before) is None
    counter.histogram(Binning(ID, "(id IS NOT NULL)", 3, 300))
    assert counter.recount(ID, ["id"], before) is None


# --- pages


def assert_pages(counter, pages, target, total):
    """Pages are disjoint and hold all rows, as the service counts them."""
    assert all(counter.count(page.condition) == page.rows <= target for page in pages)
    assert sum(page.rows for page in pages) == total


@pytest.mark.parametrize("target", [20, 60, 399])
@pytest.mark.parametrize("limit", [None, 100])
def test_pages_along_two_keys(counter, target, limit):
    """Most rows have the same first key, and some have none: these are cut along the next one."""
    pages = Planner(counter, target, limit).pages([X, ID])
    assert_pages(counter, pages, target, 400)
    conditions = [page.condition for page in pages]
    assert conditions[-1] == "x IS NULL"
    assert any("id >= " in condition for condition in conditions) == (target < 340)


def test_pages_with_nulls(counter):
    """A page of all rows with a key says so: NULLs have one of their own."""
    pages = Planner(counter, 390).pages([TEXT])
    assert [(page.condition, page.rows) for page in pages] == [
        ("t IS NOT NULL", 390),
        ("t IS NULL", 10),
    ]
    pages = Planner(counter, 399).pages([Key("empty", "empty", "float"), ID])
    assert_pages(counter, pages, 399, 400)
    assert all(page.condition.startswith("empty IS NULL AND ") for page in pages)


def test_pages_are_of_an_even_size(counter):
    pages = Planner(counter, 130).pages([ID])
    assert_pages(counter, pages, 130, 400)
    assert [page.rows for page in pages] == pytest.approx([100] * 4, abs=3)


def test_pages_within_a_page(counter):
    within = (Range("pair", 1),)
    pages = Planner(counter, 45).pages([ID], within=within)
    assert_pages(counter, pages, 45, 200)
    assert all(page.ranges[0] == within[0] for page in pages)


@pytest.mark.parametrize("wanted", [1, 35, 100, 399])
@pytest.mark.parametrize("key", [ID, TEXT])
def test_first_pages_only(counter, key, wanted):
    pages = Planner(counter, 40).pages([key], wanted=wanted)
    rows = [page.rows for page in pages]
    assert sum(rows) >= wanted
    assert sum(rows[:-1]) < wanted
    assert_pages(counter, pages, 40, sum(rows))


def test_nulls_are_wanted_last(counter):
    pages = Planner(counter, 40).pages([TEXT], wanted=390)
    assert "t IS NULL" not in [page.condition for page in pages]
    pages = Planner(counter, 40).pages([TEXT], wanted=391)
    assert pages[-1] == Page((Range("t", null=True),), 10)


@pytest.mark.parametrize("target", [12, 40, 100, 389])
def test_pages_of_texts(counter, odd, target):
    """Ranges of texts follow each other, and cut only between different ones."""
    pages = Planner(counter, target).pages([TEXT, ID])
    assert_pages(counter, pages, target, 400)
    texts = odd["t"].compressed()
    edges = [page.ranges[0] for page in pages if not page.ranges[0].null]
    ranges = list(dict.fromkeys(edges))
    assert ranges[0].low is None
    assert ranges[-1].high is None
    assert all(first.high == second.low for first, second in itertools.pairwise(ranges))
    for piece in ranges:
        inside = (texts >= (piece.low or "")) & (texts < (piece.high or "~"))
        assert inside.sum() == sum(page.rows for page in pages if page.ranges[0] == piece)


@pytest.mark.parametrize(
    ("target", "edges"),
    [(5, [None, "b", "c", "d", "e"]), (12, [None, "b", "c", "d", "e"]), (20, [None, "d", "e"])],
)
def test_texts_with_more_rows_than_a_page(ask, target, edges):
    """Such a text has a range of its own, which the next key cuts."""
    counter = Counter(ask, parse_select("SELECT * FROM words"))
    pages = Planner(counter, target).pages([Key("word", "word", "text"), ID])
    assert_pages(counter, pages, target, 40)
    ranges = dict.fromkeys((page.ranges[0].low, page.ranges[0].high) for page in pages)
    assert list(ranges) == list(itertools.pairwise([*edges, None]))


@pytest.mark.parametrize("wanted", [3, 15, 18, 30])
def test_texts_up_to_what_is_wanted(ask, wanted):
    counter = Counter(ask, parse_select("SELECT * FROM words"))
    pages = Planner(counter, 12).pages([Key("word", "word", "text")], wanted=wanted)
    assert sum(page.rows for page in pages) == wanted


def test_next_text(ask):
    counter, key = Counter(ask, parse_select("SELECT * FROM words")), Key("word", "word", "text")
    following = [counter.next_text(key, low, "", 5) for low in (None, "a", "b", "c", "d", "e")]
    assert following == ["b", "b", "c", "d", "e", None]
    assert counter.next_text(key, None, "id > 20", 5) == "d"
    assert counter.next_text(key, "b", "id < 15", 12) is None
    assert "SELECT TOP 6 word AS cfx_key" in ask.asked[0]


def test_key_of_one_value(counter):
    same = Key("same", "same", "text")
    assert_pages(counter, Planner(counter, 100).pages([same, ID]), 100, 400)
    with pytest.raises(InvalidInputError):
        Planner(counter, 100).pages([same])


def test_numbers_less_than_one_apart(counter):
    pages = Planner(counter, 50).pages([Key("part", "part", "float")])
    assert_pages(counter, pages, 50, 400)
    assert len(pages) == 8


def test_key_that_cannot_be_counted(counter, ask):
    """The next one is used; where there is none, the message says what the service said."""
    bad = Key("nix", "nix", "float")
    assert_pages(counter, Planner(counter, 90).pages([bad, ID]), 90, 400)
    with pytest.raises(InvalidInputError, match=r"more than 90 rows .*no column is left.*nix"):
        Planner(counter, 90).pages([bad])
    with pytest.raises(InvalidInputError, match=r"no column is left to split them by\. Remedy"):
        Planner(counter, 90).pages([Key("pair", "pair", "integer")])
    ask.transport = replace(ask.transport, url="http://127.0.0.1:1/tap")
    with pytest.raises(ServiceUnavailableError):
        Planner(counter, 90).pages([bad, ID])


@pytest.mark.parametrize(("times", "good"), [(2, True), (3, False)])
def test_counts_that_contradict_each_other(counter, ask, times, good):
    """They are counted again twice, and the statistics with them; then the next key is used."""

    def without_last(answer):
        answer.columns = [(data[:-1], mask) for data, mask in answer.columns]
        answer.num_rows -= 1
        return answer

    statistics = counter.key_statistics(ID)
    ask.asked.clear()
    ask.tamper = [step for _ in range(times) for step in (without_last, lambda answer: answer)]
    if good:
        assert_pages(counter, Planner(counter, 300).pages([ID], statistics=statistics), 300, 400)
        assert sum("COUNT(id)" in query for query in ask.asked) == 2
    else:
        with pytest.raises(IncompleteResultError, match="along id adds up to 39"):
            Planner(counter, 300).pages([ID], statistics=statistics)
        assert sum("COUNT(id)" in query for query in ask.asked) == 2


def test_key_of_another_type(counter):
    with pytest.raises(ServiceError, match="t cannot be a key: it has values like 'wa0'"):
        counter.key_statistics(Key("t", "t", "float"))
    with pytest.raises(ServiceError, match="id cannot be a key: it has values like 5"):
        counter.key_statistics(Key("id", "id", "text"))
