"""The agent: what answers and asks inside a pod. Standard library only; it travels alone, as one archive.

Relative imports only, nothing of the rest of the harness: in the pod this folder is the top level `agent`.
Start reading at `serve.py`; the host sees `wire.py` and nothing else.
"""
