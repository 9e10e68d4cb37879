"""`python -m strategy_runner`."""

from __future__ import annotations

from strategy_runner.agent import main
from tradewinds.service import run

if __name__ == "__main__":
    run("strategy_runner", main)
