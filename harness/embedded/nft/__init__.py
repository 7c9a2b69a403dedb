"""nftables as values: rulesets, their text, a door that applies them, a tracer that follows packets through them.

Read `ruleset.py` first. Nothing here knows Services or policies.
"""
