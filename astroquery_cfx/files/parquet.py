# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in Parquet files: native nulls and lists; units and the rest in the metadata."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.table.meta import get_header_from_yaml, get_yaml_from_table

from . import plain
from .plain import SCHEMA_KEY, PlainColumn

# pyarrow is imported in the functions that use it, so that the package imports fast.


def write(table: Table, path: Path, **settings: Any) -> None:
    """Write a table to a Parquet file, with settings of `pyarrow.parquet.write_table`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = plain.plain_columns(table)
    metadata = {SCHEMA_KEY: plain.table_schema([column.schema for column in columns], table.meta)}
    # What astropy's reader looks for: a header in YAML, and the widths of texts.
    bare = table[:0].copy()
    bare.meta = plain.plain_meta(table.meta)
    with suppress(TypeError, ValueError):  # YAML cannot hold all meta; that reader works without
        metadata["table_meta_yaml"] = "\n".join(get_yaml_from_table(bare))
    for column in columns:
        dtype = np.dtype(column.schema["dtype"])
        if dtype.kind in "SU":
            width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
            metadata[f"table::len::{column.name}"] = str(max(1, width))
    arrow = pa.table({column.name: to_arrow(column) for column in columns})
    arrow = arrow.replace_schema_metadata(metadata)
    pq.write_table(arrow, path, **{"compression": "zstd", **settings})


def to_arrow(column: PlainColumn) -> Any:
    """Return a column as an Arrow array, with nulls where it is masked."""
    import pyarrow as pa

    values, mask = column.values, column.mask
    if column.is_list:
        lengths = np.array([0, *(len(cell) for cell in values)])
        dtype = np.dtype(column.schema["dtype"])
        start = np.array([], dtype="U1" if dtype.kind in "SU" else dtype)
        flat = pa.array(np.concatenate([start, *values]))
        offsets = pa.array(np.cumsum(lengths).astype(np.int32))
        mask = None if mask is None else pa.array(mask)
        return pa.ListArray.from_arrays(offsets, flat, mask=mask)
    flat = pa.array(values.ravel(), mask=None if mask is None else mask.ravel())
    size = int(np.prod(values.shape[1:]))
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, size)


def read(source: Path | bytes) -> Table:
    """Read a table from a Parquet file: its path, or its bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pq.read_table(pa.BufferReader(source) if isinstance(source, bytes) else source)
    metadata = {
        key.decode(): value.decode() for key, value in (arrow.schema.metadata or {}).items()
    }
    if SCHEMA_KEY in metadata:
        schema = json.loads(metadata[SCHEMA_KEY])
        schemas, meta = schema["columns"], schema["meta"]
    else:
        schemas, meta = _foreign_schema(arrow, metadata)
    return plain.restore_table([_from_arrow(arrow[item["name"]], item) for item in schemas], meta)


def _from_arrow(chunks, schema):
    array = chunks.combine_chunks()
    if schema["list"]:
        flat = _numpy(array.flatten(), schema)
        mask = np.asarray(array.is_null())
        ends = np.cumsum(np.asarray(array.value_lengths().fill_null(0)))
        values = plain.object_array(np.split(flat, ends[:-1]) if len(array) else [])
    else:
        shape = (len(array), *schema["shape"])
        flat = array.flatten() if schema["shape"] else array
        mask = np.asarray(flat.is_null()).reshape(shape)
        values = _numpy(flat, schema).reshape(shape)
    return PlainColumn(values, mask if schema["masked"] else None, schema)


def _numpy(array, schema):
    dtype = np.dtype(schema["dtype"])
    if dtype.kind in "SU":
        array = array.cast("string").fill_null("")
        ascii_texts = _ascii_texts(array)
        texts = array.to_numpy(zero_copy_only=False) if ascii_texts is None else ascii_texts
        return texts.astype("U" if dtype.kind == "S" else dtype, copy=False)
    if array.null_count:
        array = array.fill_null(False if dtype.kind == "b" else 0)
    return array.to_numpy(zero_copy_only=False).astype(dtype)


def _ascii_texts(array):
    """Return ASCII texts as numpy has them, without a Python object for each; None for others."""
    import pyarrow.compute as pc

    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return None
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    letters = np.frombuffer(content, np.uint8)[ends[0] : ends[-1]]
    lengths = np.diff(ends)
    width = max(1, int(lengths.max()))
    # A few long texts would make a numpy array much larger than its texts.
    if not letters.size or letters.max() > 127 or width * len(array) > 4 * letters.size:
        return None
    if (lengths != width).any():
        letters = np.frombuffer(pc.ascii_rpad(array, width, "\0").buffers()[2], np.uint8)
    letters = letters[: width * len(array)].reshape(-1, width)
    return letters.astype(np.uint32).view(f"U{width}")[:, 0]  # numpy has four bytes per letter


def _foreign_schema(arrow, metadata):
    """Describe a file of another program by its types, and by astropy's metadata if it has them."""
    import pyarrow as pa

    yaml = metadata.get("table_meta_yaml")
    header = get_header_from_yaml(yaml.split("\n")) if yaml else {}
    described = {item["name"]: item for item in header.get("datatype", [])}
    schemas = []
    for field in arrow.schema:
        if field.name.startswith("__index_level_"):  # the index of a pandas data frame
            continue
        kind, is_list, shape = field.type, False, []
        if pa.types.is_fixed_size_list(kind):
            shape, kind = [kind.list_size], kind.value_type
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            is_list, kind = True, kind.value_type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        is_text = is_text or pa.types.is_dictionary(kind)
        # Not to_pandas_dtype, which needs pandas in older pyarrows.
        dtype = "<U" if is_text else pa.array([], kind).to_numpy(zero_copy_only=False).dtype.str
        item = described.get(field.name, {})
        schemas.append(
            {
                "name": field.name,
                "dtype": dtype,
                "list": is_list,
                "shape": shape,
                "masked": bool(arrow[field.name].null_count),
                "unit": None if item.get("unit") is None else str(item["unit"]),
                "description": item.get("description"),
                "format": item.get("format"),
                "meta": plain.plain_meta(dict(item.get("meta") or {})),
            }
        )
    return schemas, plain.plain_meta(header.get("meta", {}))
