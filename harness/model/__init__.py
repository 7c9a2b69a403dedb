"""Values that every part may share: outcomes, references, waits. No logic of either side, no effects."""
