"""Contracts: lint them, generate the committed stubs and the gateway's descriptor set, check that both are fresh.

    python -m tools.proto lint | generate | check

`google/api` and `google/rpc` come from the installed googleapis-common-protos, so that nothing of theirs is committed.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
STUBS = ROOT / "tradewinds" / "v1"
DESCRIPTOR = ROOT / "gateway" / "tradewinds.binpb"
GOOGLEAPIS = Path(sysconfig.get_paths()["purelib"])
_GOOGLE = ("google/api/annotations.proto", "google/api/http.proto", "google/api/field_behavior.proto")
# Envoy renders rich errors as JSON only when their types are in the descriptor set (envoy #9796).
_ERROR_DETAILS = "google/rpc/error_details.proto"


def lint() -> int:
    """Run `buf lint` and `buf format --diff` over a workspace that has the google protos beside ours."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        shutil.copytree(PROTO, workspace / "proto")
        for name in _GOOGLE:
            target = workspace / "googleapis" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(GOOGLEAPIS / name, target)
        config = (ROOT / "buf.yaml").read_text().replace("modules:\n", "modules:\n  - path: googleapis\n")
        (workspace / "buf.yaml").write_text(config.replace("lint:\n", "lint:\n  ignore: [googleapis]\n"))
        buf = str(Path(sys.executable).with_name("buf"))
        lint_code = subprocess.run([buf, "lint", "proto"], check=False, cwd=workspace).returncode
        format_code = subprocess.run(
            [buf, "format", "proto", "--diff", "--exit-code"], check=False, cwd=workspace
        ).returncode
    return lint_code or format_code


def _generate(stubs_root: Path, descriptor: Path) -> None:
    from grpc_tools import protoc  # heavy, and needed here only

    wkt = GOOGLEAPIS / "grpc_tools" / "_proto"
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    includes = [f"-I{PROTO}", f"-I{GOOGLEAPIS}", f"-I{wkt}"]
    stubs_root.mkdir(parents=True, exist_ok=True)
    outputs = [f"--python_out={stubs_root}", f"--pyi_out={stubs_root}", f"--grpc_python_out={stubs_root}"]
    _run_protoc(protoc, [*includes, *outputs, *sources])
    descriptor.parent.mkdir(parents=True, exist_ok=True)
    flags = ["--include_imports", f"--descriptor_set_out={descriptor}"]
    _run_protoc(protoc, [*includes, *flags, *sources, _ERROR_DETAILS])


def _run_protoc(protoc: object, arguments: list[str]) -> None:
    code = protoc.main(["protoc", *arguments])  # type: ignore[attr-defined]
    if code != 0:
        raise SystemExit(f"protoc failed with exit code {code}")


def generate() -> int:
    """Write the stubs and the descriptor set into the tree."""
    for old in STUBS.glob("*_pb2*"):
        old.unlink()
    _generate(ROOT, DESCRIPTOR)
    (STUBS / "__init__.py").write_text('"""Generated from proto/tradewinds/v1 by `make proto`; never edited."""\n')
    return 0


def check() -> int:
    """Compare what is committed with what would be generated; say what differs and what to do."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        _generate(fresh, fresh / "tradewinds.binpb")
        expected = {path.name: path for path in (fresh / "tradewinds" / "v1").glob("*_pb2*")}
        actual = {path.name: path for path in STUBS.glob("*_pb2*")}
        stale = sorted(expected.keys() ^ actual.keys())
        stale += [n for n in expected.keys() & actual.keys() if not filecmp.cmp(expected[n], actual[n], shallow=False)]
        if not DESCRIPTOR.exists() or DESCRIPTOR.read_bytes() != (fresh / "tradewinds.binpb").read_bytes():
            stale.append(str(DESCRIPTOR.relative_to(ROOT)))
    if stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run `make proto` and commit the result\n")
    return 1 if stale else 0


def main() -> int:
    """Dispatch on the one argument."""
    actions = {"lint": lint, "generate": generate, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.stderr.write(__doc__ or "")
        return 2
    return actions[sys.argv[1]]()


if __name__ == "__main__":
    raise SystemExit(main())
