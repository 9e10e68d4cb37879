"""What a runner says of a class: its schema and defaults, or which field is to blame and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from strategy_runner.confinement import Confinement
from strategy_runner.host import ProcessHost
from strategy_runner.inspection import Inspector
from strategy_runner.protocol import Failed, Inspected
from strategy_runner.session_outbox import SessionOutbox
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually

BOUNDS = Confinement(memory_bytes=1 << 30, open_files=256, file_bytes=1 << 20, filter_calls=True, is_required=True)
GOOD = '{"symbols": ["RELIANCE", "TCS"], "capital_allocated": 100000}'
MINE = {
    "fine": "from tradewinds.sdk import BaseStrategy\nclass Fine(BaseStrategy):\n    'Does nothing.'\n",
    "broken": "class Broken(:\n",
    "needs": "import nosuchlibrary\n",
    "raises": "raise RuntimeError('at import')\n",
    "sleeps": "import time\ntime.sleep(60)\n",
    "exits": "import os\nos._exit(7)\n",
    "other": "class Other: pass\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mine = tmp_path / "my_strategies"
    mine.mkdir()
    for name, source in MINE.items():
        (mine / f"{name}.py").write_text(source)
    return mine


@pytest.fixture
async def inspector(folder: Path) -> AsyncIterator[Inspector]:
    host = ProcessHost()
    await host.start()
    yield Inspector(host, SessionOutbox(), (str(folder),), BOUNDS, lambda *_: None, seconds=2.0)
    await host.close()


async def test_a_good_class_is_described_with_its_defaults_filled_in(inspector: Inspector) -> None:
    found = await inspector.inspect("strategies.momentum", "MomentumStrategy", GOOD)
    assert isinstance(found, Inspected)
    assert found.symbols == ["RELIANCE", "TCS"]
    assert (found.config["capital_allocated"], found.config["execution_interval"]) == (100000, 5)
    assert found.schema["required"] == ["symbols", "capital_allocated"]
    assert found.description.startswith("Goes long")
    assert len(found.code_hash) == 64


async def test_a_class_in_the_users_folder_is_found_under_the_folders_name(inspector: Inspector) -> None:
    found = await inspector.inspect("my_strategies.fine", "Fine", "{}")
    assert isinstance(found, Inspected)
    assert found.description == "Does nothing."


@pytest.mark.parametrize(
    ("module", "name", "config", "field", "words"),
    [
        ("os", "path", "{}", "module_path", "'os' is not allowed"),
        ("os.path", "join", "{}", "module_path", "loaded from strategies.MODULE, my_strategies.MODULE; name another"),
        ("my_strategies", "X", "{}", "module_path", "STRATEGY_FOLDERS"),
        (
            "strategies.nothing",
            "X",
            "{}",
            "module_path",
            "there is no module 'strategies.nothing'; there are: mean_reversion, momentum",
        ),
        ("my_strategies.broken", "X", "{}", "module_path", "is not valid Python"),
        ("my_strategies.needs", "X", "{}", "module_path", "imports 'nosuchlibrary', which is not installed"),
        ("my_strategies.raises", "X", "{}", "module_path", "RuntimeError: at import"),
        ("my_strategies.sleeps", "X", "{}", "module_path", "longer than 2 s to import"),
        ("my_strategies.exits", "X", "{}", "module_path", "ended the process that imported it"),
        ("my_strategies.other", "Other", "{}", "class_name", "does not derive from tradewinds.sdk.BaseStrategy"),
        ("strategies.momentum", "Momentum", "{}", "class_name", "its strategies are: MomentumStrategy"),
        ("strategies.momentum", "MomentumStrategy", "{", "config", "is not JSON"),
        ("strategies.momentum", "MomentumStrategy", "{}", "config.symbols", "is required"),
        (
            "strategies.momentum",
            "MomentumStrategy",
            GOOD[:-1] + ', "lookbak": 3}',
            "config.lookbak",
            "did you mean lookback?",
        ),
        ("strategies.momentum", "MomentumStrategy", GOOD[:-1] + ', "lookback": 0}', "config.lookback", "was 0"),
    ],
)
async def test_each_mistake_names_its_field_and_the_remedy(
    inspector: Inspector, module: str, name: str, config: str, field: str, words: str
) -> None:
    found = await inspector.inspect(module, name, config)
    assert isinstance(found, Failed)
    assert found.field == field
    assert words in found.message


async def test_the_answer_goes_through_the_session(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    question: dict[str, Any] = {"inspection_id": "q1", "module_path": "strategies.momentum", "config_json": GOOD}
    engine.send(inspect={**question, "class_name": "MomentumStrategy"})
    (answer,) = await eventually(lambda: engine.of_kind("inspect_result"))
    assert (answer.inspection_id, answer.error, answer.error_field) == ("q1", "", "")
    assert answer.config["lookback"] == 1
    assert list(answer.symbols) == ["RELIANCE", "TCS"]
    engine.send(inspect={**question, "inspection_id": "q2", "class_name": "Nothing"})
    await eventually(lambda: len(engine.of_kind("inspect_result")) == 2)
    assert engine.of_kind("inspect_result")[1].error_field == "class_name"
