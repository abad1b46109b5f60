"""The command line: `python -m lib.sandbox`."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from lib.sandbox.__main__ import main, parser
from lib.sandbox.data import EXAMPLE_ID
from lib.sandbox.faults import FAULTS


@contextmanager
def _running(state):
    """The command line as a process of its own, with a client for it."""
    command = [sys.executable, "-m", "lib.sandbox", "--port", "0", "--customers", "3", "--api-key", "k1", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            assert "k1" in process.stdout.readline()
            with httpx.Client(base_url=url, headers={"Authorization": "Bearer k1"}, trust_env=False) as api:
                yield process, api
        finally:
            process.kill()


def test_it_prints_where_it_is_and_stops_when_told(tmp_path):
    with _running(tmp_path / "s") as (process, api):
        assert len(api.get("/v1/express").json()["expressCustomers"]) == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_what_was_answered_survives_a_killed_process(tmp_path):
    with _running(tmp_path / "s") as (process, api):
        before = api.post(f"/v1/express/{EXAMPLE_ID}/deactivate").json()
        process.kill()
        process.wait(timeout=10)
    with _running(tmp_path / "s") as (process, api):
        assert api.get(f"/v1/express/{EXAMPLE_ID}").json() == before
        assert [call["operation"] for call in api.get("/_sandbox/calls").json()["calls"]] == ["deactivate", "get"]


def test_it_is_opened_by_each_of_its_keys_and_by_no_other(start_sandbox):
    server = start_sandbox(customers=3, api_key="k1", more_keys=["k2"])
    for key, status in (("k1", 200), ("k2", 200), ("k3", 401)):
        answer = httpx.get(f"{server.base_url}/v1/express", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
        assert answer.status_code == status
    assert parser().parse_args(["--api-key", "k1", "--api-key", "k2"]).api_key == ["k1", "k2"]


def test_the_help_explains_every_fault():
    text = parser().format_help()
    assert all(name in text and fault.what in text for name, fault in FAULTS.items())
    assert all(f"\n{limit}" in text for limit in ("N  ", "N/SECONDS  ", "N%  ", "1:N  "))


@pytest.mark.parametrize(
    "option", [["--fault", "nonsense"], ["--fault", "slow=7"], ["--state", "/"], ["--rate-limit", "0"], ["--rate-limit", "nan"]]
)
def test_it_says_why_it_can_not_start(option, capsys):
    assert main(["--port", "0", "--customers", "1", *option]) == 2
    assert "can't start" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--customers", "0"], ["--latency-ms", "-1"], ["--load-ms", "-1"]])
def test_impossible_numbers_are_refused(option):
    with pytest.raises(SystemExit):
        main(option)
