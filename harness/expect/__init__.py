"""Turning expectations and observations into verdicts: compare, converge, hold, explain."""
