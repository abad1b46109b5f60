"""Containerfile and compose.yaml, without an engine to run them: what is in the image, and what the proxy is told."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_image_holds_what_is_named_and_no_secret_that_stands_beside_it() -> None:
    copied = {
        source
        for line in (ROOT / "Containerfile").read_text().splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    }
    everything, *others = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    assert everything == "*"
    assert {line[1:] for line in others if line.startswith("!")} == copied
    assert not [one for one in copied if (ROOT / one).is_dir() and one.startswith(".")]  # where secrets.toml may stand


def test_the_proxy_is_told_all_that_its_configuration_asks_for() -> None:
    asked = set(re.findall(r"EXPRESS_OPS_\w+", (ROOT / "deploy" / "haproxy.cfg").read_text()))
    proxy = re.search(r"^  proxy:\n(?:    .*\n|\n)+", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert proxy is not None
    assert asked == set(re.findall(r"^      (EXPRESS_OPS_\w+):", proxy[0], re.MULTILINE))
