# Licensed under a 3-clause BSD style license - see LICENSE
"""What the service says of itself: capabilities, tables, availability."""

from .documents import xml_text
from .formats import FORMATS
from .tap_schema import column_flags, foreign_keys, schema_of
from .uploads import UPLOAD_ROWS

__all__ = ["availability_document", "capabilities_document", "tables_document"]

_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_GEOMETRY = [
    "AREA",
    "BOX",
    "CENTROID",
    "CIRCLE",
    "CONTAINS",
    "COORD1",
    "COORD2",
    "COORDSYS",
    "DISTANCE",
    "INTERSECTS",
    "POINT",
    "POLYGON",
]


def availability_document():
    """VOSI availability: whoever can read it knows that the service is up."""
    return (
        b'<?xml version="1.0"?>\n<vosi:availability '
        b'xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">\n'
        b"  <vosi:available>true</vosi:available>\n</vosi:availability>\n"
    )


def capabilities_document(url, behaviour):
    """VOSI capabilities of the TAP service at ``url``, with its limits."""
    endpoints = "".join(
        f'  <capability standardID="ivo://ivoa.net/std/VOSI#{name}">\n'
        '    <interface xsi:type="vs:ParamHTTP" role="std">'
        f'<accessURL use="full">{url}/{name}</accessURL></interface>\n'
        "  </capability>\n"
        for name in ("capabilities", "availability", "tables")
    )
    return (
        '<?xml version="1.0"?>\n<vosi:capabilities '
        'xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" '
        'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
        f'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" {_XSI}>\n{endpoints}'
        '  <capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">\n'
        f'    <interface xsi:type="vs:ParamHTTP" role="std" version="1.1">'
        f'<accessURL use="base">{url}</accessURL></interface>\n'
        f"{_language()}{_formats()}{_uploads()}{_limits(behaviour)}"
        "  </capability>\n</vosi:capabilities>\n"
    ).encode()


def _language():
    features = "".join(f"        <feature><form>{name}</form></feature>\n" for name in _GEOMETRY)
    return (
        "    <language>\n      <name>ADQL</name>\n"
        '      <version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>\n'
        "      <description>ADQL 2.0</description>\n"
        '      <languageFeatures type="ivo://ivoa.net/std/TAPRegExt#features-adqlgeo">\n'
        f"{features}      </languageFeatures>\n    </language>\n"
    )


def _formats():
    return "".join(
        f"    <outputFormat>\n      <mime>{media_type}</mime>\n"
        f"      <alias>{name}</alias>\n    </outputFormat>\n"
        for name, (media_type, _, _) in FORMATS.items()
    )


def _uploads():
    return '    <uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>\n'


def _limits(behaviour):
    hard = (
        ""
        if behaviour.hard_limit is None
        else f'\n      <hard unit="row">{behaviour.hard_limit}</hard>'
    )
    return (
        "    <retentionPeriod>\n      <default>604800</default>\n    </retentionPeriod>\n"
        "    <executionDuration>\n      <default>3600</default>\n    </executionDuration>\n"
        f'    <outputLimit>\n      <default unit="row">{behaviour.default_limit}</default>{hard}\n'
        "    </outputLimit>\n"
        f'    <uploadLimit>\n      <hard unit="row">{UPLOAD_ROWS}</hard>\n    </uploadLimit>\n'
    )


def tables_document(tables):
    """VOSI tables: all tables with their columns, a schema at a time."""
    schemas = {}
    for table in tables:
        schemas.setdefault(schema_of(table.name), []).append(table)
    inside = "".join(
        f"  <schema>\n    <name>{xml_text(name)}</name>\n{''.join(map(_table, members))}  </schema>\n"
        for name, members in schemas.items()
    )
    return (
        '<?xml version="1.0"?>\n<vosi:tableset xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        f'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" {_XSI}>\n'
        f"{inside}</vosi:tableset>\n"
    ).encode()


def _table(table):
    columns = "".join(
        _column(column, column_flags(table, column)) for column in table.visible.values()
    )
    keys = "".join(
        f"      <foreignKey>\n        <targetTable>{target}</targetTable>\n        <fkColumn>"
        f"<fromColumn>{column}</fromColumn><targetColumn>{other}</targetColumn></fkColumn>\n"
        "      </foreignKey>\n"
        for target, column, other in foreign_keys(table.name)
    )
    return (
        f'    <table type="table">\n      <name>{xml_text(table.name)}</name>\n'
        f"{_element('description', table.description, 6)}{columns}{keys}    </table>\n"
    )


def _column(column, flags):
    size = f' arraysize="{column.arraysize}"' if column.arraysize else ""
    marks = "".join(
        f"        <flag>{flag}</flag>\n" for flag in ("indexed", "principal") if flag in flags
    )
    standard = ' std="true"' if "std" in flags else ""
    return (
        f"      <column{standard}>\n        <name>{xml_text(column.listed_name)}</name>\n"
        f"{_element('description', column.description)}{_element('unit', column.unit)}"
        f"{_element('ucd', column.ucd)}"
        f'        <dataType xsi:type="vs:VOTableType"{size}>{column.datatype}</dataType>\n'
        f"{marks}      </column>\n"
    )


def _element(name, text, indent=8):
    return f"{' ' * indent}<{name}>{xml_text(text)}</{name}>\n" if text else ""
