"""Everything a suite may use, and nothing else: the one module suites import.

@requirement("NET-005", "NET-006")
def test_pods_reach_each_other(arena: Arena, check: Check) -> None:
    \"\"\"Every pod reaches every other pod over TCP.\"\"\"
    check.eventually("the table", lambda: ..., within=check.waits.service_program)
"""
