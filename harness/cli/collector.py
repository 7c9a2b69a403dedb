"""A pytest plugin that tells what was collected, for `harness list`: one line of JSON behind a mark.

Collection runs in a process of its own, where pytest can rewrite assertions before anything of ours is imported.
"""

from __future__ import annotations

import json

import pytest

from harness.cli.collecting import MARK
from harness.plugin.outcomes import ids_of, promise_of


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell name, requirement ids and promise of every test."""
    cases = [(item.nodeid, ids_of(item), promise_of(item)) for item in session.items]
    session.config.get_terminal_writer().line(MARK + json.dumps(cases))
