"""`make demo`: a report goes from an archive through the gateway to a FHIR server, all of them real."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from sr2fhir.errors import SetupError
from sr2fhir.paths import layout
from tools.demo import servers

from tests.servers import orthanc
from tests.servers.hapi_jpa import parts


@pytest.mark.slow
def test_the_results_and_the_flag_of_a_report_are_on_the_server() -> None:
    orthanc.require()
    try:
        parts.class_path(layout())
    except SetupError as error:
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(f"no FHIR server: {error}")
    root = layout().sources
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "harness"), str(root)])}
    command = [sys.executable, "-m", "tools.demo"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"After \d+\.\d s \(Orthanc had it after \d+\.\d s\) the FHIR server has:", done.stdout)
    assert "Pneumothorax – PTX 1 (left pleura): Present" in done.stdout
    assert "18.4 millimeter" in done.stdout
    assert re.search(r"Flag/[0-9a-f-]{36}: active: Pneumothorax", done.stdout)
    assert re.search(r"CommunicationRequest/[0-9a-f-]{36}: active, stat, to Emergency", done.stdout)


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        servers.UsageError, match=r"storescu .*apt-get install dcmtk.*Orthanc.*apt-get install orthanc"
    ):
        servers.check()
