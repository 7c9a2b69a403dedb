"""`python -m harness.agent`: the same as the archive, for trying it out."""

from __future__ import annotations

import sys

from .main import main

sys.exit(main(sys.argv[1:]))
