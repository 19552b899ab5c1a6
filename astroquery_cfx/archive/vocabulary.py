# Licensed under a 3-clause BSD style license - see LICENSE
"""What of SQL the archive lets through: all else is an error before the database sees it."""

__all__ = ["ALLOWED_NODES", "ALLOWED_TYPES", "RENAMED_FUNCTIONS"]

# Names of the syntax tree's nodes: whatever new versions of sqlglot add does not get through unseen.
_STRUCTURE = """
    Select Union Except Intersect SetOperation Subquery From Join Where Group Having Order Ordered Limit
    Offset Distinct Table TableAlias Alias Column Identifier Star Literal Null Boolean Paren Tuple
    And Or Not EQ NEQ GT GTE LT LTE Is Like ILike Escape In Between Exists Case If Cast DataType DataTypeParam
    Add Sub Mul Div Neg Mod DPipe
"""
_FUNCTIONS = """
    Abs Acos Asin Atan Atan2 Ceil Cos Cot Degrees Exp Floor Ln Log Pi Pow Radians Rand Round Sign Sin Sqrt Tan
    Trunc Avg Contains Count Max Min Stddev StddevPop StddevSamp Sum Variance VariancePop Median
    Coalesce Concat Greatest Least Length Lower Nullif SplitPart StrPosition Substring Trim Upper Left Right
"""
ALLOWED_NODES = frozenset((_STRUCTURE + _FUNCTIONS).split())

ALLOWED_TYPES = frozenset(
    {
        "CHAR",
        "VARCHAR",
        "NCHAR",
        "NVARCHAR",
        "TEXT",
        "SMALLINT",
        "INT",
        "BIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
    }
)

# Functions that sqlglot has no node for, and the database's names; '' for geometry, rewritten elsewhere.
RENAMED_FUNCTIONS = dict.fromkeys(
    [
        "POINT",
        "CIRCLE",
        "BOX",
        "POLYGON",
        "CENTROID",
        "CONTAINS",
        "INTERSECTS",
        "DISTANCE",
        "AREA",
        "COORD1",
        "COORD2",
        "COORDSYS",
        "REGION",
    ],
    "",
) | {
    "ACOS": "acos",
    "ASIN": "asin",
    "ATAN": "atan",
    "ATAN2": "atan2",
    "COS": "cos",
    "COT": "cot",
    "SIN": "sin",
    "TAN": "tan",
    "DEGREES": "degrees",
    "RADIANS": "radians",
    "PI": "pi",
    "TRUNCATE": "trunc",
    "POWER": "power",
    "LOG10": "log10",
    "CEILING": "ceil",
    "RAND": "random",
    "CHAR_LENGTH": "length",
}
