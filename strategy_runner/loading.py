"""Finds a strategy's class: only in the package `strategies` and in the user's folders, with a clear word for each mistake."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import keyword
import sys
import traceback
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from tradewinds.sdk import BaseStrategy

BUILT_IN = "strategies"


class LoadError(Exception):
    """A class cannot be loaded; `field` is to blame (module_path or class_name)."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class FolderError(ValueError):
    """A strategy folder cannot be used."""


def package_of(folder: Path) -> str:
    """The package name under which a folder's modules are loaded; raises `FolderError` saying what to do."""
    name = folder.name
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise FolderError(f"{folder}: {name!r} is not a Python name; rename the folder (letters, digits, underscores)")
    if name != BUILT_IN and (name in sys.stdlib_module_names or _is_elsewhere(name, folder)):
        raise FolderError(f"{folder}: the name {name!r} is taken by an installed package; rename the folder")
    return name


def _is_elsewhere(name: str, folder: Path) -> bool:
    """Whether Python finds another package of this name; started beside its folder, it finds the folder itself."""
    found = importlib.util.find_spec(name)
    if found is None:
        return False
    places = found.submodule_search_locations or ()
    return all(Path(place).resolve() != folder.resolve() for place in places)


def make_importable(folders: Iterable[Path]) -> list[str]:
    """Make `FOLDER_NAME.module` importable for each folder, and nothing else of where it lies; returns the package names."""
    names = [BUILT_IN]
    for folder in folders:
        name = package_of(folder) if folder.name not in sys.modules or folder.name == BUILT_IN else folder.name
        if name == BUILT_IN:
            path = importlib.import_module(BUILT_IN).__path__
            if str(folder) not in path:
                path.append(str(folder))  # ours first: a sample cannot be replaced by accident
            continue
        if name not in sys.modules:
            sys.modules[name] = _package(name, folder)
        names.append(name)
    return names


def _package(name: str, folder: Path) -> ModuleType:
    init = folder / "__init__.py"
    if not init.is_file():
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        return importlib.util.module_from_spec(spec)
    found = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(folder)])
    assert found is not None  # noqa: S101 - a .py file always has a loader
    assert found.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def load(module_path: str, class_name: str, folders: Iterable[Path]) -> type[BaseStrategy]:
    """The class; raises `LoadError`."""
    allowed = make_importable(folders)
    package, _, rest = module_path.partition(".")
    if package not in allowed or not rest:
        choices = ", ".join(f"{name}.MODULE" for name in allowed)
        raise LoadError(
            "module_path",
            f"{module_path!r} is not allowed: strategies are loaded from {choices}; "
            "name another folder in STRATEGY_FOLDERS (`tradewinds up --strategies FOLDER`)",
        )
    return _class_in(_import(module_path), class_name)


def code_hash(strategy_class: type[BaseStrategy]) -> str:
    """SHA-256 of the source of the module that the class is in."""
    module = sys.modules[strategy_class.__module__]
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def describe(strategy_class: type[BaseStrategy]) -> str:
    """First line of the class's own docstring."""
    return (inspect.cleandoc(strategy_class.__doc__ or "").splitlines() or [""])[0]


def _import(module_path: str) -> ModuleType:
    try:
        return importlib.import_module(module_path)
    except ModuleNotFoundError as e:
        if e.name is not None and (module_path == e.name or module_path.startswith(f"{e.name}.")):
            raise LoadError("module_path", f"there is no module {module_path!r}{_neighbours(module_path)}") from e
        raise LoadError("module_path", f"{module_path} imports {e.name!r}, which is not installed") from e
    except SyntaxError as e:
        where = f"{e.filename}:{e.lineno}"
        raise LoadError("module_path", f"{module_path} is not valid Python: {e.msg} ({where})") from e
    except Exception as e:
        raise LoadError("module_path", f"{module_path} cannot be imported: {type(e).__name__}: {e} ({_line(e)})") from e


def _line(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"


def _neighbours(module_path: str) -> str:
    parent = sys.modules.get(module_path.rpartition(".")[0])
    folders = [Path(folder) for folder in getattr(parent, "__path__", ())]
    there = sorted({file.stem for folder in folders for file in folder.glob("*.py") if file.stem != "__init__"})
    return f"; there are: {', '.join(there[:10])}" if there else ""


def _class_in(module: ModuleType, class_name: str) -> type[BaseStrategy]:
    found = getattr(module, class_name, None)
    if isinstance(found, type) and issubclass(found, BaseStrategy) and found is not BaseStrategy:
        return found
    there = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseStrategy) and value.__module__ == module.__name__
    ]
    choices = f"its strategies are: {', '.join(there)}" if there else "it defines no strategy"
    if found is None:
        raise LoadError("class_name", f"{module.__name__} has no class {class_name!r}; {choices}")
    raise LoadError("class_name", f"{class_name} does not derive from tradewinds.sdk.BaseStrategy; {choices}")
