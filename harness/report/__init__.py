"""What a run leaves behind: records, terminal summary, JUnit, JSON lines."""
