"""What an update makes of parameters, and whether the process that runs can take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def merged(base: Mapping[str, object], changes: Mapping[str, object], mask: Sequence[str]) -> dict[str, object]:
    """`base` with the named parameters as `changes` has them; one that it does not have is left out, which is its default."""
    names = mask or list(changes)
    kept = {name: value for name, value in base.items() if name not in names}
    return {**kept, **{name: changes[name] for name in names if name in changes}}


def is_live(before: Mapping[str, object], after: Mapping[str, object], schema: Mapping[str, object]) -> bool:
    """Whether everything that differs is marked `"live": true` in the class's schema."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return False
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return all(isinstance(facts := properties.get(name), Mapping) and facts.get("live") is True for name in changed)
