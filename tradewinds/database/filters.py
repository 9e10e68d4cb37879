"""From `where`, `order_by`, `cursor` and `include` to SQL: pure functions, and an error that names what is unknown.

`where` maps fields to values (None: IS NULL) or to operators, and `AND`, `OR`, `NOT` to further ones:

    {"state": {"in": ["PENDING", "STARTING"]}, "OR": [{"state_reason": {"contains": "broker"}}, {"heartbeat_at": None}]}

| operator | meaning |
|---|---|
| `equals` | the value itself; needed for a JSON object, which would be read as operators |
| `not` | differs from the value (a NULL differs from every value), or the operators in it do not hold |
| `in` `not_in` | (not) one of a list; a NULL is in neither |
| `lt` `lte` `gt` `gte` | comparison |
| `contains` `starts_with` | of text, letter for letter; `contains` also: a list has this element |
| `is_null` | true or false |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Constraint, Text, UniqueConstraint, and_, inspect, not_, or_, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapper, QueryableAttribute, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from tradewinds.database.models import Base
from tradewinds.errors import InvalidArgumentError

Where = Mapping[str, Any]
OrderBy = str | Mapping[str, str] | Sequence[str]
Column = QueryableAttribute[Any]


def mapper_of(model: type[Base]) -> Mapper[Any]:
    """The model's mapping."""
    return inspect(model)


def column_of(model: type[Base], field: str, where: str) -> Column:
    """The column `field` of `model`; `where` says in the error which argument it came from."""
    if field not in mapper_of(model).column_attrs:
        known = ", ".join(sorted(attribute.key for attribute in mapper_of(model).column_attrs))
        raise InvalidArgumentError.field(f"{where}.{field}", f"{model.__name__} has no such field; it has {known}")
    column: Column = getattr(model, field)
    return column


def condition(model: type[Base], where: Where | None) -> ColumnElement[bool]:
    """`where` as one SQL condition; everything when it is empty."""
    parts = [_part(model, key, value) for key, value in (where or {}).items()]
    return and_(true(), *parts)


def _part(model: type[Base], key: str, value: Any) -> ColumnElement[bool]:
    if key in ("AND", "OR", "NOT"):
        branches = [value] if isinstance(value, Mapping) else value
        if not isinstance(branches, Sequence) or not all(isinstance(branch, Mapping) for branch in branches):
            raise InvalidArgumentError.field(f"where.{key}", f"takes a mapping or a list of mappings, not {value!r}")
        if not branches:
            raise InvalidArgumentError.field(f"where.{key}", "is empty: leave it out, or say what it combines")
        conditions = [condition(model, branch) for branch in branches]
        combined = or_(*conditions) if key == "OR" else and_(*conditions)
        return not_(combined) if key == "NOT" else combined
    column = column_of(model, key, "where")
    if isinstance(value, Mapping):
        return _operators(column, f"where.{key}", value)
    return _equals(column, f"where.{key}", value)


def _operators(column: Column, path: str, operators: Mapping[str, Any]) -> ColumnElement[bool]:
    if not operators:
        raise InvalidArgumentError.field(path, f"names no operator; there are {', '.join(_OPERATORS)}")
    return and_(*(_operator(column, f"{path}.{name}", name, value) for name, value in operators.items()))


def _operator(column: Column, path: str, name: str, value: Any) -> ColumnElement[bool]:
    operator = _OPERATORS.get(name)
    if operator is None:
        raise InvalidArgumentError.field(path, f"is not an operator; there are {', '.join(_OPERATORS)}")
    if value is None and name not in ("equals", "not"):
        raise InvalidArgumentError.field(path, "takes a value; for NULL there is is_null")
    return operator(column, path, value)


def _fitting(column: Column, path: str, value: Any) -> Any:
    """`value`, when it has the column's type: PostgreSQL's own message names neither field nor value."""
    expected = column.type.python_type
    accepted = (expected, int) if expected in (Decimal, float) else (expected,)
    if isinstance(column.type, JSONB) or (
        isinstance(value, accepted) and isinstance(value, bool) == (expected is bool)
    ):
        return value
    raise InvalidArgumentError.field(path, f"compares {expected.__name__}, not {value!r}")


def _equals(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == _fitting(column, path, value)


def _not(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    if isinstance(value, Mapping):
        return not_(_operators(column, path, value))
    return column.is_not(None) if value is None else column.is_distinct_from(_fitting(column, path, value))


def _in(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    return column.in_(_listed(column, path, value))


def _not_in(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    return column.not_in(_listed(column, path, value)) & column.is_not(None)


def _listed(column: Column, path: str, value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise InvalidArgumentError.field(path, f"takes a list, not {value!r}")
    return [_fitting(column, path, element) for element in value]


def _contains(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    if isinstance(column.type, ARRAY):
        return column.contains([value])
    return column.contains(_text(column, path, value), autoescape=True)


def _starts_with(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    return column.startswith(_text(column, path, value), autoescape=True)


def _text(column: Column, path: str, value: Any) -> str:
    if not isinstance(column.type, Text) or not isinstance(value, str):
        raise InvalidArgumentError.field(path, f"compares text; the field is {column.type}, the value {value!r}")
    return value


def _is_null(column: Column, path: str, value: Any) -> ColumnElement[bool]:
    if not isinstance(value, bool):
        raise InvalidArgumentError.field(path, f"takes true or false, not {value!r}")
    return column.is_(None) if value else column.is_not(None)


_OPERATORS: dict[str, Callable[[Column, str, Any], ColumnElement[bool]]] = {
    "equals": _equals,
    "not": _not,
    "in": _in,
    "not_in": _not_in,
    "lt": lambda column, path, value: column < _fitting(column, path, value),
    "lte": lambda column, path, value: column <= _fitting(column, path, value),
    "gt": lambda column, path, value: column > _fitting(column, path, value),
    "gte": lambda column, path, value: column >= _fitting(column, path, value),
    "contains": _contains,
    "starts_with": _starts_with,
    "is_null": _is_null,
}


def unique_condition(model: type[Base], where: Where) -> ColumnElement[bool]:
    """`where`, which has to give the primary key or a unique key by value (more conditions may stand beside it)."""
    unique_key(model, where)
    return condition(model, where)


def unique_key(model: type[Base], where: Where) -> tuple[str, ...]:
    """The fields of the primary or unique key that `where` gives by value."""
    given = {key for key, value in where.items() if value is not None and not isinstance(value, Mapping)}
    keys = _unique_keys(model)
    for key in keys:
        if given.issuperset(key):
            return key
    listed = " or ".join("(" + ", ".join(key) + ")" for key in keys)
    raise InvalidArgumentError.field("where", f"must name one {model.__name__}: give {listed} by value")


def _unique_keys(model: type[Base]) -> list[tuple[str, ...]]:
    mapper = mapper_of(model)
    constraints: set[Constraint] = mapper.local_table.constraints  # type: ignore[attr-defined] # every model has a Table
    unique = sorted((c for c in constraints if isinstance(c, UniqueConstraint)), key=lambda c: str(c.name))
    keys = [mapper.primary_key, *(tuple(constraint.columns) for constraint in unique)]
    return [tuple(mapper.get_property_by_column(column).key for column in key) for key in keys]


def ordering(model: type[Base], order_by: OrderBy) -> list[tuple[str, bool]]:
    """(field, descending) from `"field"`, `"-field"`, a list of them, or `{"field": "asc" | "desc"}`; the primary key comes last,
    so that the order is total and pages neither repeat nor skip a row."""
    given = [order_by] if isinstance(order_by, str) else order_by
    pairs = dict(given.items()) if isinstance(given, Mapping) else dict(_signed(field) for field in given)
    for field, direction in pairs.items():
        column_of(model, field, "order_by")
        if direction not in ("asc", "desc"):
            raise InvalidArgumentError.field(f"order_by.{field}", f"is asc or desc, not {direction!r}")
    key = _unique_keys(model)[0]
    return [(field, direction == "desc") for field, direction in pairs.items()] + [
        (field, False) for field in key if field not in pairs
    ]


def _signed(field: str) -> tuple[str, str]:
    return (field[1:], "desc") if field.startswith("-") else (field, "asc")


def at_or_after(model: type[Base], order: Sequence[tuple[str, bool]], row: Base) -> ColumnElement[bool]:
    """The rows from `row` on in `order`. NULLs have no place in such a comparison: a nullable field is refused."""
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for field, descending in order:
        column, value = column_of(model, field, "order_by"), getattr(row, field)
        if mapper_of(model).columns[field].nullable:
            raise InvalidArgumentError.field(f"order_by.{field}", "may be NULL, so a cursor cannot follow it")
        alternatives.append(and_(*equal, column < value if descending else column > value))
        equal.append(column == value)
    return or_(*alternatives, and_(*equal))


def eager_loads(model: type[Base], include: Sequence[str]) -> list[ORMOption]:
    """Loader options for relationship names; a dot goes further (`"account.user"`)."""
    if isinstance(include, str):
        raise InvalidArgumentError.field("include", f"takes a list of relationships, not {include!r}")
    return [_eager_load(model, path) for path in include]


def _eager_load(model: type[Base], path: str) -> ORMOption:
    load: Any = None
    for name in path.split("."):
        relationships = mapper_of(model).relationships
        if name not in relationships:
            known = ", ".join(sorted(relationships.keys())) or "none"
            raise InvalidArgumentError.field(
                f"include.{path}", f"{model.__name__} has no relationship {name!r}; it has {known}"
            )
        attribute = getattr(model, name)
        load = selectinload(attribute) if load is None else load.selectinload(attribute)
        model = relationships[name].mapper.class_
    option: ORMOption = load
    return option
