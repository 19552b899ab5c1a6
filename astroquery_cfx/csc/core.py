# Licensed under a 3-clause BSD style license - see LICENSE
"""CSCPlaneClass: the Chandra tables at HEASARC, and any other table there, complete."""

import warnings

import numpy as np
import pyvo
from astropy import units as u
from astropy.coordinates import SkyCoord
from astroquery import log
from astroquery.exceptions import NoResultsWarning
from astroquery.heasarc import HeasarcClass

from ..config import conf
from ..errors import InvalidInputError, ServiceError, ServiceUnavailableError
from ..tap import Schema, clear_cache, complete_query
from ..tap.adql import both, identifier, near_names, parse_select
from ..tap.transport import make_session, make_transport
from .inputs import (
    angle,
    columns_text,
    filter_conditions,
    flux_condition,
    position,
    region_condition,
)
from .metainfo import read_metainfo

__all__ = ["CSCPlane", "CSCPlaneClass"]

_OBSERVATION_COLUMNS = ["obsid", "ra", "dec", "exposure", "detector", "time", "name"]
_SOURCE_COLUMNS = ["name", "ra", "dec", "b_flux_ap"]
# The archive's Galactic latitudes are rounded; the exact cut is made from ra and dec.
_LATITUDE_MARGIN = 0.01


class CSCPlaneClass(HeasarcClass):
    """
    Chandra's tables at HEASARC, and any other table there: whole, or an error.

    The public methods of `astroquery.heasarc.HeasarcClass` (``list_catalogs``,
    ``list_columns``, ``get_default_radius``, ``locate_data``, ...) work too.
    What differs: results are complete and proved (``meta['completeness']``),
    no filter is dropped in silence, ``columns`` may be a list, configuration
    is read at the call, and the instance holds no result.

    Parameters
    ----------
    vo_url : str, optional
        Base URL of another service; TAP is at ``vo_url + '/tap'``. ``conf.vo_url`` by default.
    table_names : dict, optional
        Names of tables at that service, e.g. ``{'csc': 'cfx.csc', 'chanmaster': 'cfx.chanmaster'}``.

    Examples
    --------
    >>> from astroquery_cfx import CSCPlaneClass
    >>> chandra = CSCPlaneClass(vo_url="http://127.0.0.1:8080", table_names={"csc": "cfx.csc"})
    >>> chandra.query_table("csc", columns=["name", "ra"], column_filters={"dec": (">", 80)},
    ...                     get_query_payload=True)
    'SELECT name, ra FROM cfx.csc WHERE (dec > 80)'
    """

    def __init__(self, vo_url=None, table_names=None):
        super().__init__()
        self._own_url = vo_url.rstrip("/") if vo_url else None
        self._table_names = dict(table_names or {})
        self._schema = None
        self._session = make_session()

    # --- what HeasarcClass binds when it is made, read at the call

    @property
    def VO_URL(self):  # noqa: N802 - HeasarcClass calls it so
        """Base URL of the VO services."""
        return self._own_url or conf.vo_url.rstrip("/")

    @property
    def timeout(self):
        """Seconds that a request may take."""
        return conf.timeout

    @property
    def tap(self):
        """The TAP service."""
        url = f"{self.VO_URL}/tap"
        if self._tap is None or self._tap.baseurl != url:
            self._tap = pyvo.dal.TAPService(url, session=self._session)
            self._schema = self._meta_info = None
        return self._tap

    def _set_session(self, session):
        super()._set_session(session)
        self._tap = None

    def clear_cache(self):
        """Remove the verified pages and results of this service that are kept on disk."""
        super().clear_cache()
        clear_cache(f"{self.VO_URL}/tap")

    # --- queries

    def query_observations(
        self,
        *,
        columns=None,
        column_filters=None,
        maxrec=None,
        cache=True,
        get_query_payload=False,
        show_progress=None,
    ):
        """
        All Chandra observations (table ``chanmaster``).

        Parameters
        ----------
        columns : list of str or str, optional
            obsid, ra, dec, exposure, detector, time, name by default; ``'*'`` for all.
        column_filters : dict, optional
            See `query_table`.
        maxrec : int, optional
            Only the first rows in key order.
        cache : bool, optional
            Whether results kept on disk may serve.
        get_query_payload : bool, optional
            Give the ADQL instead.
        show_progress : bool, optional
            By default where standard error is a terminal.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        return self._query(
            "chanmaster",
            columns,
            _OBSERVATION_COLUMNS,
            filter_conditions(column_filters),
            maxrec=maxrec,
            cache=cache,
            payload=get_query_payload,
            show_progress=show_progress,
        )

    def query_sources(
        self,
        *,
        columns=None,
        column_filters=None,
        min_flux=None,
        maxrec=None,
        cache=True,
        get_query_payload=False,
        show_progress=None,
    ):
        """
        All sources of the Chandra Source Catalog (table ``csc``), all sky.

        Parameters
        ----------
        columns : list of str or str, optional
            name, ra, dec, b_flux_ap by default; ``'*'`` for all.
        column_filters : dict, optional
            See `query_table`.
        min_flux : `~astropy.units.Quantity`, optional
            Least b_flux_ap, the 0.5-7 keV energy flux.
        maxrec, cache, get_query_payload, show_progress : optional
            See `query_observations`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        where = [*filter_conditions(column_filters), flux_condition("b_flux_ap", min_flux)]
        return self._query(
            "csc",
            columns,
            _SOURCE_COLUMNS,
            where,
            maxrec=maxrec,
            cache=cache,
            payload=get_query_payload,
            show_progress=show_progress,
        )

    def query_plane(
        self,
        b_max=10 * u.deg,
        *,
        min_flux=None,
        columns=None,
        column_filters=None,
        maxrec=None,
        cache=True,
        get_query_payload=False,
        show_progress=None,
    ):
        """
        All sources of the Chandra Source Catalog near the Galactic plane.

        The service narrows by ``bii``; the exact cut ``|b| <= b_max`` is made from ra and dec.

        Parameters
        ----------
        b_max : `~astropy.units.Quantity` or str, optional
            Largest Galactic latitude to either side, from 0 to 90 deg.
        min_flux, columns, column_filters, maxrec, cache, get_query_payload, show_progress : optional
            See `query_sources`. With `maxrec`, the first rows after the exact cut.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        edge = angle(b_max, "b_max", largest=90.0)
        margin = edge + _LATITUDE_MARGIN
        where = [
            f"bii BETWEEN {-margin!r} AND {margin!r}",
            *filter_conditions(column_filters),
            flux_condition("b_flux_ap", min_flux),
        ]
        text = columns_text(columns, _SOURCE_COLUMNS)
        asked = parse_select(f"SELECT {text} FROM csc")
        added = (
            []
            if asked.has_star
            else sorted(
                {"ra", "dec"} - {(item.column or "").lower() for item in asked.items}, reverse=True
            )
        )
        table = self._query(
            "csc",
            ", ".join([text, *added]),
            None,
            where,
            maxrec=None,
            cache=cache,
            payload=get_query_payload,
            show_progress=show_progress,
            warn=False,
        )
        return table if get_query_payload else self._cut_plane(table, edge, added, maxrec)

    def _cut_plane(self, table, edge, added, maxrec):
        ra, dec = (np.ma.filled(np.ma.asarray(table[name]), np.nan) for name in ("ra", "dec"))
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        latitude = SkyCoord(ra[known], dec[known], unit="deg").galactic.b.deg
        rows = known[np.abs(latitude) <= edge][:maxrec]
        cut = table[rows]
        cut.remove_columns(added)
        record = dict(cut.meta["completeness"])
        cut.meta["completeness"] = record | {
            "cut": f"abs(b) <= {edge!r} deg from ra, dec: {len(rows)} of {len(table)} rows"
        }
        _warn_if_empty(cut)
        return cut

    def query_table(
        self,
        catalog,
        *,
        columns=None,
        column_filters=None,
        maxrec=None,
        cache=True,
        get_query_payload=False,
        show_progress=None,
    ):
        """
        A whole table of the archive, or all its rows that meet filters.

        Parameters
        ----------
        catalog : str
            Name of the table.
        columns : list of str or str, optional
            The archive's standard columns by default; ``'*'`` for all.
        column_filters : dict, optional
            Column to value: ``(operator, value)`` with = != < <= > >= LIKE, ``(low, high)`` with both
            ends, a list of values, None for NULL, or a value for equality. Numbers are in the column's unit.
        maxrec, cache, get_query_payload, show_progress : optional
            See `query_observations`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.

        Raises
        ------
        InvalidInputError, ServiceError, ServiceUnavailableError, IncompleteResultError
            See `astroquery_cfx.tap.complete_query`.
        """
        where = filter_conditions(column_filters)
        default = self._get_default_columns(_check_catalog(catalog)) if columns is None else None
        return self._query(
            catalog,
            columns,
            default,
            where,
            maxrec=maxrec,
            cache=cache,
            payload=get_query_payload,
            show_progress=show_progress,
        )

    def query_region(
        self,
        coordinates=None,
        radius=None,
        *,
        catalog="csc",
        spatial="cone",
        width=None,
        polygon=None,
        add_offset=False,
        columns=None,
        column_filters=None,
        maxrec=None,
        cache=True,
        get_query_payload=False,
        show_progress=None,
    ):
        """
        All rows of a table in a region of the sky.

        Parameters
        ----------
        coordinates : `~astropy.coordinates.SkyCoord` or str, optional
            The centre of a cone or box.
        radius : `~astropy.units.Quantity` or str, optional
            Of a cone; the archive's default for the catalog where it is not given.
        catalog : str, optional
            Name of the table.
        spatial : {'cone', 'box', 'polygon', 'all-sky'}, optional
        width : `~astropy.units.Quantity` or str, optional
            Side of a box.
        polygon : list, optional
            Corners: SkyCoord, text, or (ra, dec) in degrees.
        add_offset : bool, optional
            With a cone: add ``search_offset``, the separation from the centre, in arcmin.
        columns, column_filters, maxrec, cache, get_query_payload, show_progress : optional
            See `query_table`. The archive's standard columns and ``__row`` by default.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        _check_catalog(catalog)
        if spatial == "cone" and radius is None:
            radius = self.get_default_radius(catalog)
        where = [
            region_condition(spatial, coordinates, radius, width, polygon),
            *filter_conditions(column_filters),
        ]
        default = None
        if columns is None and (default := self._get_default_columns(catalog)):
            default = [*default, *({"__row"} - set(default))]
        table = self._query(
            catalog,
            columns,
            default,
            where,
            maxrec=maxrec,
            cache=cache,
            payload=get_query_payload,
            show_progress=show_progress,
        )
        if add_offset and spatial == "cone" and not get_query_payload:
            _add_offset(table, coordinates)
        return table

    def query_tap(self, adql, *, maxrec=None, uploads=None, cache=True, show_progress=None):
        """
        The whole result of any ADQL.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int, optional
            Only the first rows in key order.
        uploads : dict, optional
            Name to Table, path of a VOTable or its bytes; ``TAP_UPLOAD.name`` in the query.
        cache, show_progress : optional
            See `query_observations`.

        Returns
        -------
        `~astropy.table.Table`
            Not a `~pyvo.dal.TAPResults`, as with `~astroquery.heasarc.HeasarcClass`.
        """
        return self._complete(
            adql, maxrec=maxrec, uploads=uploads, cache=cache, show_progress=show_progress
        )

    def _query(
        self, catalog, columns, default, where, *, maxrec, cache, payload, show_progress, warn=True
    ):
        name = self._table_names.get(_check_catalog(catalog), catalog)
        joined = both(*where)
        adql = f"SELECT {columns_text(columns, default)} FROM {identifier(name)}"
        adql += f" WHERE {joined}" if joined else ""
        if payload:
            return adql
        table = self._complete(
            adql, maxrec=maxrec, cache=cache, show_progress=show_progress, warn=warn
        )
        table.meta["catalog"] = catalog
        return table

    def _complete(
        self, adql, *, maxrec=None, uploads=None, cache=True, show_progress=None, warn=True
    ):
        log.debug(f"ADQL: {adql}")
        try:
            table = complete_query(
                self.tap,
                adql,
                maxrec=maxrec,
                uploads=uploads,
                cache=cache,
                schema=self._known_schema(),
                show_progress=show_progress,
                session=self._session,
            )
        except ServiceUnavailableError:
            raise
        except ServiceError as error:
            raise self._with_near_names(error, adql) from error
        if warn:
            _warn_if_empty(table)
        return table

    def _known_schema(self):
        service = self.tap
        if self._schema is None:
            transport = make_transport(service, self._session)
            self._schema = Schema(lambda adql: transport.ask(adql, maxrec=100_000)[0])
        return self._schema

    def _with_near_names(self, error, adql):
        """The service's error, with names that look like the one that it does not know."""
        table = parse_select(adql).table
        if table is None:
            return error
        known = self._known_schema().columns(table[0])
        if not known:
            near = near_names(table[0], self._known_schema().table_names())
            remedy = f"there is no table {table[0]}; " + (
                f"did you mean {', '.join(near)}?" if near else "list_catalogs() names them all."
            )
        else:
            names = {column.plain_name.lower(): column.plain_name for column in known}
            unknown = [
                item.column
                for item in parse_select(adql).items
                if item.column and item.column.strip('"').lower() not in names
            ]
            near = sorted({name for word in unknown for name in near_names(word, names.values())})
            remedy = (
                f"did you mean {', '.join(near)}?" if near else "see list_columns for the names."
            )
        return ServiceError(error.failed, remedy=remedy)

    # --- what the archive says of its catalogues

    @property
    def _meta(self):
        """Standard columns and default radii of all catalogues: as in HeasarcClass, but complete."""
        service = self.tap
        if self._meta_info is None:
            self._meta_info = read_metainfo(service, self._known_schema())
        return self._meta_info

    def _get_default_columns(self, catalog_name):
        meta = self._meta
        own = meta[(meta["table"] == catalog_name) & (meta["par"] != "")]
        own.sort("value")
        return [str(name) for name in own["par"]]

    def get_default_radius(self, catalog_name):
        """
        The archive's default search radius of a catalogue.

        Parameters
        ----------
        catalog_name : str
            Name of the table.

        Returns
        -------
        `~astropy.units.Quantity`
            The radius, in arcminutes.

        Raises
        ------
        InvalidInputError
            If the archive names none.
        """
        meta = self._meta
        own = meta[(meta["table"] == catalog_name) & (meta["par"] == "")]
        if len(own) == 0:
            raise InvalidInputError(
                f"The archive names no default radius for {catalog_name}.",
                remedy="give one, e.g. radius=0.1*u.deg",
            )
        return np.float32(own["value"][0]) * u.arcmin

    def locate_data(self, query_result=None, catalog_name=None):
        """
        Links to the data products of rows of a result.

        Parameters
        ----------
        query_result : `~astropy.table.Table` or `~astropy.table.Row`
            With the column ``__row``, as `query_region` gives it.
        catalog_name : str, optional
            The catalog of the result, where its meta does not say.

        Returns
        -------
        `~astropy.table.Table`
            One row a data product.
        """
        if query_result is None:
            raise InvalidInputError(
                "locate_data was given no rows.", remedy="give it a result of query_region."
            )
        catalog_name = catalog_name or getattr(query_result, "meta", {}).get("catalog")
        if catalog_name is None:
            raise InvalidInputError(
                "The result does not say which catalog it is of.", remedy="give catalog_name."
            )
        return super().locate_data(query_result, self._table_names.get(catalog_name, catalog_name))


def _check_catalog(catalog):
    if not isinstance(catalog, str) or not catalog.strip():
        raise InvalidInputError(
            f"{catalog!r} is no name of a catalog.",
            remedy="give one, e.g. 'csc'; list_catalogs() names them all.",
        )
    return catalog


def _add_offset(table, coordinates):
    if not {"ra", "dec"} <= set(table.colnames):
        raise InvalidInputError(
            "search_offset needs the columns ra and dec.", remedy="add them to columns."
        )
    center = SkyCoord(*position(coordinates), unit="deg")
    ra, dec = (np.ma.filled(np.ma.asarray(table[name]), np.nan) for name in ("ra", "dec"))
    places = SkyCoord(ra, dec, unit="deg")
    table["search_offset"] = center.separation(places).to(u.arcmin)
    table["search_offset"].description = "Separation from the position that was asked for"


def _warn_if_empty(table):
    if len(table) == 0:
        warnings.warn("No matching rows were found in the query.", NoResultsWarning, stacklevel=4)


CSCPlane = CSCPlaneClass()
