# Licensed under a 3-clause BSD style license - see LICENSE
"""CSCPlaneClass: the Chandra tables at HEASARC, and any other table there, complete."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pyvo
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Row, Table
from astroquery import log
from astroquery.exceptions import NoResultsWarning
from astroquery.heasarc import HeasarcClass

from ..arrays import angle_in_degrees, to_floats, whole_number
from ..config import conf
from ..errors import InvalidInputError, ServiceError, ServiceUnavailableError
from ..tap import Schema, clear_cache, complete_query
from ..tap.adql import both, identifier, near_names, parse_select
from ..tap.transport import make_session, make_transport
from .conditions import (
    columns_text,
    filter_conditions,
    flux_condition,
    position,
    region_condition,
)

_OBSERVATION_COLUMNS = ["obsid", "ra", "dec", "exposure", "detector", "time", "name"]
_SOURCE_COLUMNS = ["name", "ra", "dec", "b_flux_ap"]
# The archive's Galactic latitudes (bii) are rounded: the service is asked for a strip wider by this
# many degrees, so that the exact cut, made here from ra and dec, loses no source at its edge.
_LATITUDE_MARGIN = 0.01
# HEASARC describes its catalogues in a table: the order of the standard columns (name 'csc.ra',
# value 2) and the default search radius in arcmin (name 'csc'). HeasarcClass asks the same, and
# takes the names apart in SQL with split_part, which other services do not have.
_METAINFO_ADQL = (
    "SELECT name, relation, value FROM metainfo WHERE (type = 'parameter' AND relation = 'order') "
    "OR relation = 'defaultSearchRadius'"
)
# MAXREC of questions to TAP_SCHEMA, where a service's default may be 2,000 rows. No table has as
# many columns, and no service as many tables.
_SCHEMA_ROWS = 100_000
_NO_ROWS = "No matching rows were found in the query."


class CSCPlaneClass(HeasarcClass):
    """
    Chandra's tables at HEASARC, and any other table there: whole, or an error.

    The public methods of `astroquery.heasarc.HeasarcClass` (``list_catalogs``, ``list_columns``,
    ``get_default_radius``, ``locate_data``, ...) work too. The differences: results are complete,
    with the proof in ``meta['completeness']``; no filter is silently ignored; ``columns`` may be a
    list; the configuration is read at each call; the instance keeps no result.

    Parameters
    ----------
    vo_url : str, optional
        Base URL of another service; TAP is at ``vo_url + '/tap'``. ``conf.vo_url`` by default.
    table_names : dict, optional
        Names of tables at that service, e.g. ``{'csc': 'cfx.csc'}``.

    Examples
    --------
    >>> from astroquery_cfx import CSCPlaneClass
    >>> chandra = CSCPlaneClass(vo_url="http://127.0.0.1:8080", table_names={"csc": "cfx.csc"})
    >>> chandra.query_table("csc", columns=["name", "ra"], column_filters={"dec": (">", 80)},
    ...                     get_query_payload=True)
    'SELECT name, ra FROM cfx.csc WHERE (dec > 80)'
    """

    def __init__(
        self, vo_url: str | None = None, table_names: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._own_url = vo_url.rstrip("/") if vo_url else None
        self._table_names = dict(table_names or {})
        self._session = make_session()
        # The service, what it said of its tables, and the URL and session it was made for.
        self._service: pyvo.dal.TAPService | None = None
        self._schema: Schema | None = None
        self._metainfo: Table | None = None
        self._made_for: tuple[str, object] | None = None

    # --- what HeasarcClass binds once, when it is made, is read at each call here

    @property
    def VO_URL(self) -> str:  # noqa: N802 - the name that HeasarcClass gives it
        """Base URL of the VO services."""
        return self._own_url or conf.vo_url.rstrip("/")

    @property
    def timeout(self) -> float:
        """Seconds that one request may take."""
        return conf.timeout

    @property
    def tap(self) -> pyvo.dal.TAPService:
        """The TAP service."""
        url, session = f"{self.VO_URL}/tap", self._session
        if self._made_for != (url, session):
            service = pyvo.dal.TAPService(url, session=session)

            def ask(adql):
                return make_transport(service, session).ask(adql, maxrec=_SCHEMA_ROWS)[0]

            self._service, self._schema, self._metainfo = service, Schema(ask), None
            self._made_for = url, session
        return self._service

    def clear_cache(self) -> None:
        """Remove the verified pages and results of this service that are kept on disk."""
        super().clear_cache()
        clear_cache(f"{self.VO_URL}/tap")

    # --- queries

    def query_observations(
        self,
        *,
        columns: str | Sequence[str] | None = None,
        column_filters: Mapping | None = None,
        maxrec: int | None = None,
        cache: bool = True,
        get_query_payload: bool = False,
        show_progress: bool | None = None,
    ) -> Table | str:
        """
        Query all Chandra observations (table ``chanmaster``).

        Parameters
        ----------
        columns : list of str or str, optional
            obsid, ra, dec, exposure, detector, time, name by default; ``'*'`` for all.
        column_filters : dict, optional
            Conditions on columns; see `query_table`.
        maxrec, cache, get_query_payload, show_progress : optional
            As for `query_table`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        adql = self._adql(
            "chanmaster",
            columns_text(columns, _OBSERVATION_COLUMNS),
            *filter_conditions(column_filters),
        )
        if get_query_payload:
            return adql
        return self._complete(
            adql, "chanmaster", maxrec=maxrec, cache=cache, show_progress=show_progress
        )

    def query_sources(
        self,
        *,
        columns: str | Sequence[str] | None = None,
        column_filters: Mapping | None = None,
        min_flux: u.Quantity | None = None,
        maxrec: int | None = None,
        cache: bool = True,
        get_query_payload: bool = False,
        show_progress: bool | None = None,
    ) -> Table | str:
        """
        Query all sources of the Chandra Source Catalog (table ``csc``), on the whole sky.

        Parameters
        ----------
        columns : list of str or str, optional
            name, ra, dec, b_flux_ap by default; ``'*'`` for all.
        column_filters : dict, optional
            Conditions on columns; see `query_table`.
        min_flux : `~astropy.units.Quantity`, optional
            Smallest b_flux_ap, the 0.5-7 keV energy flux.
        maxrec, cache, get_query_payload, show_progress : optional
            As for `query_table`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        adql = self._adql(
            "csc",
            columns_text(columns, _SOURCE_COLUMNS),
            *filter_conditions(column_filters),
            flux_condition("b_flux_ap", min_flux),
        )
        if get_query_payload:
            return adql
        return self._complete(adql, "csc", maxrec=maxrec, cache=cache, show_progress=show_progress)

    def query_plane(
        self,
        b_max: u.Quantity | str = 10 * u.deg,
        *,
        min_flux: u.Quantity | None = None,
        columns: str | Sequence[str] | None = None,
        column_filters: Mapping | None = None,
        maxrec: int | None = None,
        cache: bool = True,
        get_query_payload: bool = False,
        show_progress: bool | None = None,
    ) -> Table | str:
        """
        Query all sources of the Chandra Source Catalog near the Galactic plane.

        The service narrows by its rounded latitude ``bii``; the exact cut ``|b| <= b_max`` is then
        made from ra and dec.

        Parameters
        ----------
        b_max : `~astropy.units.Quantity` or str, optional
            Largest Galactic latitude on either side, from 0 to 90 deg.
        min_flux : `~astropy.units.Quantity`, optional
            Smallest b_flux_ap, the 0.5-7 keV energy flux.
        columns : list of str or str, optional
            name, ra, dec, b_flux_ap by default; ``'*'`` for all.
        column_filters : dict, optional
            Conditions on columns; see `query_table`.
        maxrec : int, optional
            Return only the first rows after the exact cut. All are fetched all the same.
        cache, get_query_payload, show_progress : optional
            As for `query_table`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        edge = angle_in_degrees(b_max, "b_max", largest=90.0)
        limit = None if maxrec is None else whole_number(maxrec, "maxrec")
        margin = edge + _LATITUDE_MARGIN
        selected = columns_text(columns, _SOURCE_COLUMNS)
        asked = parse_select(f"SELECT {selected} FROM csc")
        named = {
            item.name.lower()
            for item in asked.items
            if item.column and item.column.split(".")[-1].strip('"') == item.name
        }
        added = [name for name in ("ra", "dec") if not asked.has_star and name not in named]
        adql = self._adql(
            "csc",
            ", ".join([selected, *added]),
            f"bii BETWEEN {-margin!r} AND {margin!r}",
            *filter_conditions(column_filters),
            flux_condition("b_flux_ap", min_flux),
        )
        if get_query_payload:
            return adql
        table = self._complete(adql, "csc", maxrec=None, cache=cache, show_progress=show_progress)
        rows = np.flatnonzero(np.abs(_positions(table).galactic.b.deg) <= edge)[:limit]
        plane = table[rows]
        plane.remove_columns(added)
        plane.meta["completeness"] = table.meta["completeness"] | {
            "cut": f"abs(b) <= {edge!r} deg from ra, dec: {len(rows)} of {len(table)} rows"
        }
        if len(table) and not len(plane):  # an empty table has been warned about already
            warnings.warn(_NO_ROWS, NoResultsWarning, stacklevel=2)
        return plane

    def query_table(
        self,
        catalog: str,
        *,
        columns: str | Sequence[str] | None = None,
        column_filters: Mapping | None = None,
        maxrec: int | None = None,
        cache: bool = True,
        get_query_payload: bool = False,
        show_progress: bool | None = None,
    ) -> Table | str:
        """
        Query a whole table of the archive, or all its rows that pass filters.

        Parameters
        ----------
        catalog : str
            Name of the table.
        columns : list of str or str, optional
            The archive's standard columns by default; ``'*'`` for all.
        column_filters : dict, optional
            Column to value: ``(operator, value)`` with = != < <= > >= LIKE; ``(low, high)``, both
            included; a list of values, any of which; None for NULL; one value for equality.
            Numbers are in the unit of the archive's column.
        maxrec : int, optional
            Return only the first rows, in the order of the key that pages are cut along.
        cache : bool, optional
            Keep verified rows on disk, and reuse those that the archive still counts.
        get_query_payload : bool, optional
            Return the ADQL instead of sending it.
        show_progress : bool, optional
            Show a progress bar; by default where standard error is a terminal.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.

        Raises
        ------
        InvalidInputError, ServiceError, ServiceUnavailableError, IncompleteResultError
            For the reasons that `astroquery_cfx.tap.complete_query` lists.
        """
        _check_catalog(catalog)
        where = filter_conditions(column_filters)
        default = self._get_default_columns(catalog) if columns is None else []
        adql = self._adql(catalog, columns_text(columns, default), *where)
        if get_query_payload:
            return adql
        return self._complete(
            adql, catalog, maxrec=maxrec, cache=cache, show_progress=show_progress
        )

    def query_region(  # noqa: PLR0913 - the public signature, as in HeasarcClass
        self,
        coordinates: SkyCoord | str | None = None,
        radius: u.Quantity | str | None = None,
        *,
        catalog: str = "csc",
        spatial: str = "cone",
        width: u.Quantity | str | None = None,
        polygon: Sequence | None = None,
        add_offset: bool = False,
        columns: str | Sequence[str] | None = None,
        column_filters: Mapping | None = None,
        maxrec: int | None = None,
        cache: bool = True,
        get_query_payload: bool = False,
        show_progress: bool | None = None,
    ) -> Table | str:
        """
        Query all rows of a table in a region of the sky.

        Parameters
        ----------
        coordinates : `~astropy.coordinates.SkyCoord` or str, optional
            Centre of a cone or box; a text may be the name of an object.
        radius : `~astropy.units.Quantity` or str, optional
            Radius of a cone; the archive's default for the catalog where it is not given.
        catalog : str, optional
            Name of the table.
        spatial : {'cone', 'box', 'polygon', 'all-sky'}, optional
            Kind of region.
        width : `~astropy.units.Quantity` or str, optional
            Side of a box.
        polygon : list, optional
            Corners of a polygon: SkyCoord, text, or (ra, dec) in degrees.
        add_offset : bool, optional
            With a cone, add ``search_offset``, the separation from the centre, in arcmin.
        columns : list of str or str, optional
            The archive's standard columns and ``__row`` by default; ``'*'`` for all.
        column_filters : dict, optional
            Conditions on columns; see `query_table`.
        maxrec, cache, get_query_payload, show_progress : optional
            As for `query_table`.

        Returns
        -------
        `~astropy.table.Table` or str
            All rows, with their proof in the meta; the ADQL with ``get_query_payload``.
        """
        _check_catalog(catalog)
        spatial = str(spatial).lower()
        if spatial == "cone" and radius is None:
            radius = self.get_default_radius(catalog)
        region = region_condition(spatial, coordinates, radius, width, polygon)
        default = []
        if columns is None and (default := self._get_default_columns(catalog)):
            # locate_data finds the data products of a row by its __row
            default += {"__row"} - set(default)
        adql = self._adql(
            catalog, columns_text(columns, default), region, *filter_conditions(column_filters)
        )
        if get_query_payload:
            return adql
        table = self._complete(
            adql, catalog, maxrec=maxrec, cache=cache, show_progress=show_progress
        )
        if add_offset and spatial == "cone":
            center = SkyCoord(*position(coordinates), unit="deg")
            table["search_offset"] = center.separation(_positions(table)).to(u.arcmin)
            table["search_offset"].description = "Separation from the position that was asked for"
        return table

    def query_tap(
        self,
        adql: str,
        *,
        maxrec: int | None = None,
        uploads: Mapping | None = None,
        cache: bool = True,
        show_progress: bool | None = None,
    ) -> Table:
        """
        Query with any ADQL, and get the whole result.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int, optional
            Return only the first rows, in the order of the key that pages are cut along.
        uploads : dict, optional
            Name to Table, path of a VOTable or its bytes; ``TAP_UPLOAD.name`` in the query.
        cache : bool, optional
            Keep verified rows on disk, and reuse those that the archive still counts.
        show_progress : bool, optional
            Show a progress bar; by default where standard error is a terminal.

        Returns
        -------
        `~astropy.table.Table`
            All rows. `~astroquery.heasarc.HeasarcClass` returns a `~pyvo.dal.TAPResults` instead.
        """
        return self._complete(
            adql, maxrec=maxrec, uploads=uploads, cache=cache, show_progress=show_progress
        )

    def _adql(self, catalog, columns, *where):
        table = identifier(self._table_names.get(catalog, catalog))
        joined = both(*where)
        return f"SELECT {columns} FROM {table}" + (f" WHERE {joined}" if joined else "")

    def _complete(self, adql, catalog=None, **options):
        """Get the whole result. Warnings point at the caller of the method that calls this."""
        log.debug(f"ADQL: {adql}")
        service = self.tap
        try:
            table = complete_query(
                service, adql, schema=self._schema, session=self._session, **options
            )
        except ServiceUnavailableError:
            raise
        except ServiceError as error:
            raise self._with_near_names(error, adql) from error
        if catalog is not None:
            table.meta["catalog"] = catalog
        if not len(table):
            warnings.warn(_NO_ROWS, NoResultsWarning, stacklevel=3)
        return table

    def _with_near_names(self, error, adql):
        """Return the service's error with names that look like the one that it does not know."""
        table = parse_select(adql).table
        if table is None:  # a join or a subquery: no telling where a name was looked for
            return error
        known = {
            column.plain_name.lower(): column.plain_name
            for column in self._schema.columns(table[0])
        }
        if known:
            unknown = [
                item.column
                for item in parse_select(adql).items
                if item.column and item.column.strip('"').lower() not in known
            ]
            near = sorted({name for word in unknown for name in near_names(word, known.values())})
            reason, otherwise = "", "see list_columns for the names."
        else:
            near = near_names(table[0], self._schema.table_names())
            reason, otherwise = f"there is no table {table[0]}; ", "list_catalogs() names them all."
        remedy = reason + (f"did you mean {', '.join(near)}?" if near else otherwise)
        return ServiceError(error.failed, remedy=remedy)

    # --- what the archive says of its catalogues

    @property
    def _meta(self):
        """Standard columns and default radii of all catalogues, as HeasarcClass reads them."""
        service = self.tap
        if self._metainfo is None:
            try:
                found = complete_query(
                    service, _METAINFO_ADQL, schema=self._schema, session=self._session
                )
            except ServiceUnavailableError:
                raise
            except ServiceError:  # only HEASARC has this table
                found = []
            rows = []
            for row in found:
                table, _, parameter = str(row["name"]).partition(".")
                try:
                    value = float(row["value"])
                except ValueError:
                    continue
                if value > 0:
                    rows.append((table.strip(), parameter.strip(), value))
            self._metainfo = Table(
                rows=rows or None, names=("table", "par", "value"), dtype=("U64", "U64", "f4")
            )
        return self._metainfo

    def get_default_radius(self, catalog_name: str) -> u.Quantity:
        """
        Get the archive's default search radius for a catalogue.

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
        try:
            return super().get_default_radius(catalog_name)
        except IndexError:  # there is no such row in its table
            raise InvalidInputError(
                f"The archive names no default radius for {catalog_name}.",
                remedy="give one, e.g. radius=0.1*u.deg.",
            ) from None

    def locate_data(
        self, query_result: Table | Row | None = None, catalog_name: str | None = None
    ) -> Table:
        """
        Get links to the data products of rows of a result.

        Parameters
        ----------
        query_result : `~astropy.table.Table` or `~astropy.table.Row`
            Rows with the column ``__row``, as `query_region` returns them.
        catalog_name : str, optional
            Catalog of the result, where its meta does not name it.

        Returns
        -------
        `~astropy.table.Table`
            One row per data product: ID, access_url, sciserver, aws, content_length, error_message.

        Raises
        ------
        InvalidInputError
            If there are no rows, or their catalog is not known.
        """
        if query_result is None:
            raise InvalidInputError(
                "locate_data was given no rows.", remedy="give it a result of query_region."
            )
        catalog_name = catalog_name or getattr(query_result, "meta", {}).get("catalog")
        if catalog_name is None:
            raise InvalidInputError(
                "The result does not name its catalog.", remedy="give catalog_name."
            )
        return super().locate_data(query_result, self._table_names.get(catalog_name, catalog_name))


def _check_catalog(catalog):
    if not isinstance(catalog, str) or not catalog.strip():
        raise InvalidInputError(
            f"{catalog!r} is not the name of a catalog.",
            remedy="give one, e.g. 'csc'; list_catalogs() names them all.",
        )


def _positions(table):
    """Return the positions of rows, NaN where one has none. A service may write RA for ra."""
    columns = {name.lower(): name for name in table.colnames}
    if not {"ra", "dec"} <= columns.keys():
        raise InvalidInputError(
            "search_offset needs the columns ra and dec.", remedy="add them to columns."
        )
    ra, dec = to_floats(table[columns["ra"]]), to_floats(table[columns["dec"]])
    return SkyCoord(ra, dec, unit="deg")


CSCPlane = CSCPlaneClass()
