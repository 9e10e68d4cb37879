"""Who may call what, at the gateway: an Envoy RBAC policy generated from the services' own method table.

Roles are a list claim of the token, which `jwt_authn` has verified and left in the request's metadata. Everything that no
policy names is denied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tradewinds.auth import PUBLIC

JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
CLAIMS: Final = "claims"


def policies(method_roles: Mapping[str, frozenset[str]], extra_public: Iterable[str] = ()) -> dict[str, Any]:
    """One RBAC policy per set of roles: the paths it opens, the roles that may. `PUBLIC` and `extra_public` need none."""
    paths_of: dict[frozenset[str], list[str]] = defaultdict(list)
    for path, roles in method_roles.items():
        paths_of[roles].append(path)
    paths_of[PUBLIC].extend(extra_public)
    return {_name(roles): _policy(roles, paths) for roles, paths in paths_of.items()}


def _name(roles: frozenset[str]) -> str:
    return "public" if roles == PUBLIC else "-".join(sorted(roles))


def _policy(roles: frozenset[str], paths: Iterable[str]) -> dict[str, Any]:
    principals = [{"any": True}] if roles == PUBLIC else [_holder_of(role) for role in sorted(roles)]
    permissions = [{"url_path": {"path": {"exact": path}}} for path in sorted(paths)]
    return {"permissions": permissions, "principals": principals}


def _holder_of(role: str) -> dict[str, Any]:
    matcher = {
        "filter": JWT_FILTER,
        "path": [{"key": CLAIMS}, {"key": "roles"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": role}}}},
    }
    return {"sourced_metadata": {"metadata_matcher": matcher}}
