"""The columns of the ledger's table, which follow from `LedgerRecord`: their types, and what an absent field means."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import inspect

from streams.ledger_record import LedgerRecord

_SIMPLE: Final = {
    inspect.StrType: "VARCHAR",
    inspect.LiteralType: "VARCHAR",
    inspect.IntType: "INTEGER",
    inspect.FloatType: "DOUBLE",
    inspect.BoolType: "BOOLEAN",
    inspect.DateTimeType: "TIMESTAMPTZ",
}


def _sql_type(kind: inspect.Type) -> str:
    """DuckDB's type for a field's. Raises TypeError for one that has none here."""
    match kind:
        case inspect.UnionType(types=types):
            (one,) = (each for each in types if not isinstance(each, inspect.NoneType))
            return _sql_type(one)
        case inspect.ListType(item_type=item):
            return f"{_sql_type(item)}[]"
        case inspect.DictType(key_type=key, value_type=value):
            return f"MAP({_sql_type(key)}, {_sql_type(value)})"
        case inspect.StructType(fields=fields):
            members = (f'"{field.encode_name}" {_sql_type(field.type)}' for field in fields)
            return f"STRUCT({', '.join(members)})"
        case _ if type(kind) in _SIMPLE:
            return _SIMPLE[type(kind)]
        case _:
            raise TypeError(f"the ledger's record has a field of type {kind!r}, for which no column is known")


def _fields() -> tuple[inspect.Field, ...]:
    record = inspect.type_info(LedgerRecord)
    assert isinstance(record, inspect.StructType)
    return record.fields


def _or_default(field: inspect.Field) -> str:
    """The column, and where the record leaves the field out its default."""
    name = f'"{field.encode_name}"'
    if field.default_factory is not msgspec.NODEFAULT:
        return f"coalesce({name}, {'[]' if isinstance(field.type, inspect.ListType) else 'MAP {}'}) AS {name}"
    match field.default:
        case str(default):
            return f"coalesce({name}, '{default}') AS {name}"
        case int(default):
            return f"coalesce({name}, {default}) AS {name}"
        case _:
            return name


COLUMNS: Final = {field.encode_name: _sql_type(field.type) for field in _fields()}
"""Name and type of each column of the nested table, a row a ticket."""

PLACE: Final = {"kafka_partition": "INTEGER", "kafka_position": "BIGINT"}
"""Where on the topic a row comes from: `Line` says what a position is."""

STORED: Final = {**PLACE, "deleted": "BOOLEAN", "month": "VARCHAR", **COLUMNS}
"""The columns of the files."""

SHAPE: Final = hashlib.sha256(repr(STORED).encode()).hexdigest()[:16]
"""Names the columns: files of another shape are written anew."""

FILLED: Final = ", ".join(_or_default(field) for field in _fields())
"""What to select from records as they were written, in which a field at its default is left out."""

NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
"""The columns in their order, for a SELECT."""
