"""NetworkPolicies on a node, in nftables. The path of a packet, and what sits where (all at priority 0):

    from a link ─ prerouting ─┬─ forward ── the client's egress, then the server's ingress ── postrouting
      (Services translate)    └─ input ──── the client's egress (a pod dials its own node)
    from the node ─ output ── nothing: a node always reaches its own pods (kubelet, probes)

Behind destination translation and before source translation, so a rule sees the client's address and the chosen pod,
never a Service's. Each node polices its own pods only: an egress rule acts where the client runs, an ingress rule
where the server runs. Replies of admitted connections pass; what is denied is dropped.

A pod that the agent has not met yet gets no packets while there are policies at all: a new pod may be selected by one,
and there must be no moment in which it is open (POL-654).

`labels.py` matches selectors, `model.py` reads objects, `peers.py` and `ports.py` resolve one rule, `compile.py`
writes the ruleset, all pure; `sync.py` runs them when something changes. Source: networking.k8s.io/v1.
"""
