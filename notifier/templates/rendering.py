"""Rendering words that somebody else has written, without giving them the house.

Jinja's immutable sandbox keeps them from our objects. It does not keep them from taking for ever or filling the memory; so only a small
part of the language is there: no assignment, no macro, no call but `range`, no loop in a loop, filters from a list. What is left takes
time and space in proportion to its own length and its parameters; output and time are bounded besides.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.environment import Template as JinjaTemplate
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tradewinds.money import format_rupees

MAXIMUM_SOURCE: Final = 16_000
MAXIMUM_RANGE: Final = 200
MAXIMUM_JOINED: Final = 64_000
SECONDS: Final = 0.25
_LARGEST_NUMBER: Final = 10**18
_NODES: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.For,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.Tuple,
    nodes.List,
    nodes.Call,
)
_FILTERS: Final = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "float",
    "forceescape",
    "int",
    "items",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "reverse",
    "round",
    "sort",
    "string",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
]
_TESTS: Final = [
    "defined",
    "divisibleby",
    "eq",
    "even",
    "false",
    "ge",
    "gt",
    "in",
    "integer",
    "le",
    "lt",
    "ne",
    "none",
    "number",
    "odd",
    "string",
    "true",
    "undefined",
]


class PoisonousTemplateError(Exception):
    """A template that cannot be taken, or did not come to an end; the message is for its author."""


class _Environment(ImmutableSandboxedEnvironment):
    """Arithmetic is with numbers of a sensible size: text times a number would be a bomb."""

    intercepted_binops = frozenset({"*", "%", "+", "-", "/", "//"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Jinja calls this for every operation."""
        for operand in (left, right):
            if not _is_sensible(operand):
                raise PoisonousTemplateError(f"{operator} is for numbers up to 10¹⁸; join texts with ~")
        return super().call_binop(context, operator, left, right)


def _is_sensible(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and bool(-_LARGEST_NUMBER <= value <= _LARGEST_NUMBER)


def _rupees(value: Any) -> str:
    """`1400.5` as `1400.50`."""
    try:
        return format_rupees(Decimal(str(value)))
    except InvalidOperation as e:
        raise PoisonousTemplateError(f"rupees: {str(value)[:40]!r} is not a number") from e


def _join(values: Iterable[Any], glue: str = "") -> str:
    """As Jinja's, but a long text between many others is refused before it is made."""
    texts = [str(value) for value in values]
    if sum(map(len, texts)) + len(str(glue)) * len(texts) > MAXIMUM_JOINED:
        raise PoisonousTemplateError(f"join makes more than {MAXIMUM_JOINED} characters")
    return str(glue).join(texts)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAXIMUM_RANGE:
        raise PoisonousTemplateError(f"range has {len(numbers)} numbers, at most {MAXIMUM_RANGE} are allowed")
    return numbers


def _environment(*, html: bool) -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=html, cache_size=0)
    environment.globals = {"range": _range}
    environment.filters = {name: environment.filters[name] for name in _FILTERS} | {"rupees": _rupees, "join": _join}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


_PLAIN: Final = _environment(html=False)
_HTML: Final = _environment(html=True)


@lru_cache(maxsize=2_000)
def compiled(source: str, *, html: bool = False) -> JinjaTemplate:
    """Ready to be rendered; raises `PoisonousTemplateError` saying what is wrong and in which line."""
    environment = _HTML if html else _PLAIN
    if len(source) > MAXIMUM_SOURCE:
        raise PoisonousTemplateError(f"has {len(source)} characters, at most {MAXIMUM_SOURCE} are allowed")
    try:
        tree = environment.parse(source)
        _check(tree)
        return environment.from_string(source)
    except TemplateError as e:
        raise PoisonousTemplateError(f"line {getattr(e, 'lineno', 1)}: {e.message}") from e
    except RecursionError as e:
        raise PoisonousTemplateError("is nested too deeply") from e


def _check(tree: nodes.Template) -> None:
    for node in _below(tree):
        if not isinstance(node, _NODES):
            raise PoisonousTemplateError(f"line {node.lineno}: {type(node).__name__} is not available here")
        if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            raise PoisonousTemplateError(f"line {node.lineno}: only range(…) can be called")
        if isinstance(node, nodes.For):
            _check_loop(node)
        if (name := _name(node)).startswith("_") or name == "self":
            raise PoisonousTemplateError(f"line {node.lineno}: {name!r} is not available here")


def _check_loop(loop: nodes.For) -> None:
    if loop.recursive or any(isinstance(node, nodes.For) for node in _below(loop) if node is not loop):
        raise PoisonousTemplateError(f"line {loop.lineno}: a loop in a loop is not available here")


def _below(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _below(child)


def _name(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return str(node.arg.value)
    return ""


def render(source: str, parameters: Mapping[str, Any], *, maximum: int, html: bool = False) -> str:
    """The words with the holes filled; raises `PoisonousTemplateError`, also when they become too long or take too much time."""
    template, deadline = compiled(source, html=html), time.monotonic() + SECONDS
    parts: list[str] = []
    size = 0
    try:
        for part in template.generate(**parameters):
            parts.append(part)
            size += len(part)
            if size > maximum:
                raise PoisonousTemplateError(f"becomes longer than {maximum} characters")
            if time.monotonic() > deadline:
                raise PoisonousTemplateError(f"takes longer than {SECONDS} s")
    except TemplateError as e:
        raise PoisonousTemplateError(str(e.message)) from e
    except (TypeError, ValueError, ArithmeticError, KeyError, AttributeError, RecursionError) as e:
        raise PoisonousTemplateError(f"{type(e).__name__}: {str(e)[:200]}") from e
    return "".join(parts)
