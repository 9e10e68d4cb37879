"""Imports smartapi-python 1.5.5 without what it does at import and at every failure (protocol §8, 1 and 3).

Importing it calls api.ipify.org without a timeout and throws the answer away; its logger writes PINs, one-time passwords
and tokens of failed calls to stderr and to ./logs. Both are stopped before the import, for the life of the process.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import logzero
import requests


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise requests.ConnectionError("importing the broker's client must not touch the network")


def _no_logfile(*_args: object, **_kwargs: object) -> None:
    """Stands in for `logzero.logfile`: no file is ever made."""


def _import_smart_connect() -> Any:
    logzero.logfile = _no_logfile
    logzero.logger.handlers[:] = [logging.NullHandler()]
    logzero.logger.propagate = False
    logzero.logger.disabled = True
    allowed = requests.get
    requests.get = _refuse
    try:
        from SmartApi.smartConnect import SmartConnect
    finally:
        requests.get = allowed
    return SmartConnect


SmartConnect: Any = _import_smart_connect()
