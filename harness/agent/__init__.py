"""The program inside the pods: servers and probes. Standard library only; it travels as one zipapp."""
