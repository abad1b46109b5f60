"""Which rule set a person means by what they typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.errors import UploadUnreadable
from lib.evidence.rule_set import PRESETS, RuleSet
from lib.evidence.rules import NoStudyFor
from lib.workspace import Workspace
from tests.runs.fakes import FINGERPRINT, NOW, ROBIN

RULES = RuleSet(name="Asleep, mostly", rule=NoStudyFor(days=200))


def test_a_rule_set_is_meant_by_itself_its_name_its_label_or_its_file(journal, tmp_path: Path) -> None:
    workspace = Workspace(journal, FINGERPRINT, lambda: {FINGERPRINT}, lambda: NOW)
    first = workspace.save_rule_set(RULES, who=ROBIN)
    second = workspace.save_rule_set(RULES.with_days(90), who=ROBIN)
    path = tmp_path / "asleep.json"
    path.write_bytes(RULES.to_json())
    meant = {
        RULES: RULES,
        " Dormant ": PRESETS[1],
        PRESETS[1].label: PRESETS[1],
        "Asleep, mostly": second,
        "Asleep, mostly, version 1": first,
        first.label: first,
        path: RULES,
        str(path): RULES,
    }
    assert {typed: workspace.meant_rules(typed) for typed in meant} == meant
    for nobody in ("asleep", "Asleep, mostly, version 3", "", "dormant, version 2, 00000000", tmp_path / "none.json"):
        with pytest.raises(UploadUnreadable):
            workspace.meant_rules(nobody)
    with pytest.raises(UploadUnreadable, match=r"'never used', .*'Asleep, mostly'; or name a file"):
        workspace.meant_rules("nonsense")
