"""A pytest harness that proves a Kubernetes cluster keeps its networking promises.

Nothing is imported here: the agent imports `harness.agent` inside pods and must pull in nothing else.
"""
