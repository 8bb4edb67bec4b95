"""The files of docs/deployment name programs, paths and settings that exist, and keep what they promise."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.cli import main as cli
from sr2fhir.errors import UsageError
from sr2fhir.gateway.settings import Settings, read
from sr2fhir.paths import layout
from tools.compiling.sushi import find_node

ROOT = layout().sources
FOLDER = ROOT / "docs" / "deployment"
UNIT = FOLDER / "sr2fhir-gateway.service"
PROGRAM = "/opt/sr2fhir/venv/bin/sr2fhir"
SCRATCH = f"/opt/sr2fhir/home/{layout().scratch.relative_to(layout().home)}"
SETTINGS = "/etc/sr2fhir/gateway.toml"
INSTRUCTION = re.compile(
    r"(ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|RUN|STOPSIGNAL|USER|VOLUME|WORKDIR) (.+)"
)


def instructions() -> list[tuple[str, str]]:
    """Parse the Containerfile: lines that end with a backslash go on, all others are one instruction."""
    lines = [line for line in (FOLDER / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in filter(None, whole.splitlines()):
        match = INSTRUCTION.fullmatch(line)
        assert match, f"no instruction that is allowed here: {line}"
        found.append((match[1], match[2]))
    return found


def last_stage() -> dict[str, list[str]]:
    stage: dict[str, list[str]] = {}
    for name, value in instructions():
        if name == "FROM":
            stage = {}
        stage.setdefault(name, []).append(value)
    return stage


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def compose() -> dict[str, Any]:
    """Read compose.yaml with the parser that SUSHI brings, since Python has none here."""
    node, module = find_node(layout()), layout().sushi / "node_modules" / "yaml"
    if node is None or not module.is_dir():
        pytest.skip("SUSHI's parser of YAML is not there (make setup)")
    script = "process.stdout.write(JSON.stringify(require(process.argv[1]).parse(require('fs').readFileSync(0, 'utf8'))))"
    text = (FOLDER / "compose.yaml").read_text()
    command = [node.program, "-e", script, str(module)]
    found = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "gateway.toml"
    shutil.copyfile(FOLDER / "gateway.toml", file)
    return read(file)


def parse(arguments: list[str]) -> argparse.Namespace:
    return cli.parser({name: import_module(f"sr2fhir.cli.{name}") for name in cli.COMMANDS}).parse_args(
        arguments
    )


# ---- container


def test_the_image_runs_as_nobody_and_without_a_shell() -> None:
    stage = last_stage()
    assert stage["USER"] == ["10001:10001"]
    for name in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(stage[name][-1]), list)  # the form that starts no shell
    words = json.loads(stage["ENTRYPOINT"][0]) + json.loads(stage["CMD"][0])
    assert words[0] == PROGRAM
    assert str(parse(words[1:]).settings) == SETTINGS
    check = json.loads(stage["HEALTHCHECK"][0].partition(" CMD ")[2])
    assert check[:2] == [str(Path(PROGRAM).with_name("python")), "-c"]
    compile(check[2], "HEALTHCHECK", "exec")


def test_the_image_takes_nothing_from_the_net_but_by_pip_and_set_up() -> None:
    names = [name for name, _ in instructions()]
    assert "ADD" not in names
    sources = [value.split()[0] for name, value in instructions() if name == "COPY"]
    assert sources == ["sr2fhir-*-py3-none-any.whl", "--from=build"]
    assert not [
        value for name, value in instructions() if name == "RUN" and re.search(r"curl|wget|https?:", value)
    ]
    # the parts of the venv refer to their Python by its path
    images = {value.split()[0] for name, value in instructions() if name == "FROM"}
    assert len(images) == 1


def test_the_image_has_the_extras_that_there_are() -> None:
    (line,) = [value for name, value in instructions() if name == "RUN" and "pip install" in value]
    extras = re.search(r"\[([a-z,]+)\]", line)[1].split(",")  # type: ignore[index]
    known = (ROOT / "pyproject.toml").read_text()
    assert [name for name in extras if f"\n{name} = [" not in known] == []
    assert "gateway" in extras


# ---- systemd


def test_the_unit_starts_a_command_that_there_is() -> None:
    (start,) = unit()["ExecStart"]
    words = shlex.split(start)
    assert words[0] == PROGRAM
    assert str(parse(words[1:]).settings) == SETTINGS
    assert unit()["TemporaryFileSystem"] == [f"{SCRATCH}:mode=1777"]
    assert "MemoryDenyWriteExecute" not in unit()  # Java compiles
    assert unit()["KillMode"] == ["mixed"]  # workers are told by the main process


def test_the_unit_waits_longer_than_the_gateway_takes_to_stop(tmp_path: Path) -> None:
    assert int(unit()["TimeoutStopSec"][0]) > settings(tmp_path).gateway.stop_s


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = UNIT.read_text()
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(PROGRAM, "/bin/true"))  # it is looked whether the program is there
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    assert _complaints(command, copy.name) == ""
    copy.write_text(text.replace(PROGRAM, "/bin/true").replace("KillMode=mixed", "KillMode=gently"))
    assert "kill mode" in _complaints(command, copy.name)


def _complaints(command: list[str], name: str) -> str:
    """Return what is said of our unit; others of the machine may be wrong too."""
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in lines if name in line)


# ---- the example


def test_the_settings_of_the_example_are_valid(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert [each.kind.name for each in found.parts] == ["destination", "web", "intake.dimse"]


def test_an_open_gateway_would_be_refused(tmp_path: Path) -> None:
    text = (FOLDER / "gateway.toml").read_text()
    for line in ('login = { tokens_file = "tokens" }', "behind_proxy = true", "allow = "):
        (tmp_path / "gateway.toml").write_text(
            re.sub(rf"^{re.escape(line)}.*$", "", text, flags=re.MULTILINE)
        )
        with pytest.raises(UsageError):
            read(tmp_path / "gateway.toml")


def test_the_services_of_the_example_fit_together(tmp_path: Path) -> None:
    found = settings(tmp_path)
    parts = {each.kind.name: each.values for each in found.parts}
    services = compose()["services"]
    own = services["gateway"]
    mounts = [volume.split(":") for volume in own["volumes"]]
    targets = {target for _, target, *_ in mounts}
    assert {SETTINGS, str(Path(SETTINGS).with_name(parts["web"].login.tokens_file.name))} <= targets
    assert any(found.gateway.folder.is_relative_to(target) for target in targets)
    assert f"127.0.0.1:8080:{parts['web'].port}" in own["ports"]
    assert own["read_only"] is True
    assert own["cap_drop"] == ["ALL"]
    assert [each.partition(":")[0] for each in own["tmpfs"]] == ["/tmp", SCRATCH]
    assert [own["user"]] == last_stage()["USER"]
    # where it sends, and who sends to it
    host, port = re.fullmatch(r"http://(\w+):(\d+)/fhir", parts["destination"].url).groups()  # type: ignore[union-attr]
    assert any(each.endswith(f":{port}") for each in services[host]["ports"])
    sender = services["orthanc"]["environment"]
    (modality,) = json.loads(sender["ORTHANC__DICOM_MODALITIES"]).items()
    assert modality[1] == [parts["intake.dimse"].ae_title, "gateway", parts["intake.dimse"].port]
    assert f"'{modality[0]}'" in (FOLDER / "forward.lua").read_text()
    (peer,) = parts["intake.dimse"].allow
    assert peer.ae == sender["ORTHANC__DICOM_AET"]
    assert peer.address == compose()["networks"]["hospital"]["ipam"]["config"][0]["subnet"]


def test_files_that_are_mounted_are_there_or_made_by_a_command_of_the_page() -> None:
    page = (FOLDER / "README.md").read_text()
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (FOLDER / source).exists() or f"--to {Path(source).name}" in page


def test_every_command_of_the_page_and_the_files_exists() -> None:
    texts = [file.read_text() for file in FOLDER.iterdir()]
    found = re.findall(
        r"(?:sr2fhir/venv/bin/sr2fhir|--rm .* sr2fhir) ((?:gateway|setup)\b[^`\n#&]*)", "\n".join(texts)
    )
    assert len(found) >= 5
    for words in found:
        parse(shlex.split(words))
    for name in re.findall(r"docs/deployment/[\w.-]+", "\n".join(texts)):
        assert (ROOT / name.rstrip(".")).exists()
