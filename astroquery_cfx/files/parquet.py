# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in Parquet files: native nulls and lists; units and the rest in the metadata, for astropy too."""

import json
import warnings
from contextlib import suppress

import numpy as np

from .columns import (
    SCHEMA_KEY,
    PlainColumn,
    object_array,
    plain_columns,
    plain_meta,
    restore_table,
    table_schema,
)

__all__ = ["read", "write"]


def write(table, path, **settings):
    """Write a table to a Parquet file; settings are those of `pyarrow.parquet.write_table`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = plain_columns(table)
    arrow = pa.table(
        [to_arrow(column) for column in columns], names=[column.name for column in columns]
    )
    arrow = arrow.replace_schema_metadata(_metadata(table, columns))
    pq.write_table(arrow, path, **{"compression": "zstd", **settings})


def _metadata(table, columns):
    from astropy.table.meta import get_yaml_from_table

    bare = table[:0].copy()
    bare.meta = plain_meta(table.meta)
    metadata = {SCHEMA_KEY: table_schema(columns, table.meta)}
    with suppress(TypeError, ValueError):  # only for astropy's own reader, which does without
        metadata["table_meta_yaml"] = "\n".join(get_yaml_from_table(bare))
    for column in columns:
        dtype = np.dtype(column.schema["dtype"])
        if dtype.kind in "SU":
            width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
            metadata[f"table::len::{column.name}"] = str(max(1, width))
    return metadata


def to_arrow(column):
    import pyarrow as pa

    if column.is_list:
        return _lists_to_arrow(column)
    values = column.values
    if values.ndim == 1:
        return pa.array(values, mask=column.mask)
    mask = None if column.mask is None else column.mask.ravel()
    flat = pa.array(values.ravel(), mask=mask)
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))


def _lists_to_arrow(column):
    import pyarrow as pa

    cells = column.filled(None)
    offsets = np.concatenate(
        [[0], np.cumsum([len(cell) for cell in cells], dtype=np.int64)]
    ).astype(np.int32)
    dtype = np.dtype(column.schema["dtype"])
    dtype = np.dtype("U1") if dtype.kind in "SU" else dtype
    flat = pa.array(np.concatenate([np.array([], dtype=dtype), *cells]))
    mask = None if column.mask is None else pa.array(column.mask)
    return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=mask)


def read(source):
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
    return restore_table([_from_arrow(arrow[item["name"]], item) for item in schemas], meta)


def _from_arrow(chunks, schema):
    import pyarrow as pa

    array = chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks
    if isinstance(array, pa.ChunkedArray):  # pyarrow gives no single array for no chunk at all
        array = (
            pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
        )
    if schema["list"]:
        return _lists_from_arrow(array, schema)
    shape = (len(array), *schema["shape"])
    flat = array.flatten() if schema["shape"] else array
    mask = np.asarray(flat.is_null()).reshape(shape) if schema["masked"] else None
    return PlainColumn(_numpy(flat, schema).reshape(shape), mask, schema)


def _lists_from_arrow(array, schema):
    flat = _numpy(array.flatten(), schema)
    mask = np.asarray(array.is_null())
    lengths = np.asarray(array.value_lengths().fill_null(0))
    ends = np.cumsum(lengths)
    cells = object_array(
        [flat[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    )
    return PlainColumn(cells, mask if schema["masked"] else None, schema)


def _numpy(array, schema):
    import pyarrow as pa

    dtype = np.dtype(schema["dtype"])
    if dtype.kind in "SU":
        array = array.cast(pa.string()) if not pa.types.is_string(array.type) else array
        array = array.fill_null("")
        ascii_texts = _ascii_texts(array)
        texts = array.to_numpy(zero_copy_only=False) if ascii_texts is None else ascii_texts
        return texts.astype("U" if dtype.kind == "S" else dtype, copy=False)
    if array.null_count:
        array = array.fill_null(pa.scalar(False if dtype.kind == "b" else 0, type=array.type))
    return array.to_numpy(zero_copy_only=False).astype(dtype)


def _ascii_texts(array):
    """Texts of ASCII letters as numpy has them, without an object for each; None for others."""
    import pyarrow.compute as pc

    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return None
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    letters = np.frombuffer(content, np.uint8)[ends[0] : ends[-1]]
    lengths = np.diff(ends)
    width = max(1, int(lengths.max()))
    if not letters.size or letters.max() > 127 or width * len(array) > 4 * letters.size:
        return None  # not ASCII, or a few are very long
    if (lengths != width).any():
        letters = np.frombuffer(pc.ascii_rpad(array, width, "\0").buffers()[2], np.uint8)
    return (
        letters[: width * len(array)].reshape(-1, width).astype(np.uint32).view(f"U{width}")[:, 0]
    )


def _foreign_schema(arrow, metadata):
    """Describe a file of another program by its types, and by astropy's own metadata where it has them."""
    from astropy.table.meta import get_header_from_yaml

    yaml = metadata.get("table_meta_yaml")
    said = get_header_from_yaml(yaml.split("\n")) if yaml else {}
    words = {item["name"]: item for item in said.get("datatype", [])}
    schemas = [
        _foreign_column(arrow, field, words.get(field.name, {}))
        for field in arrow.schema
        if not field.name.startswith("__index_level_")
    ]
    return schemas, plain_meta(said.get("meta", {}))


def _foreign_column(arrow, field, words):
    import pyarrow as pa

    kind, is_list, shape = field.type, False, []
    if pa.types.is_fixed_size_list(kind):
        shape, kind = [kind.list_size], kind.value_type
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        is_list, kind = True, kind.value_type
    text = (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dtype = "<U" if text else np.dtype(kind.to_pandas_dtype()).str
    unit = words.get("unit")
    return {
        "name": field.name,
        "dtype": dtype,
        "list": is_list,
        "shape": shape,
        "masked": bool(arrow[field.name].null_count),
        "unit": None if unit is None else str(unit),
        "description": words.get("description"),
        "format": words.get("format"),
        "meta": plain_meta(dict(words.get("meta") or {})),
    }
