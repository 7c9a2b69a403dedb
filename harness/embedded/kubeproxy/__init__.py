"""Services on a node: what kube-proxy does, in nftables mode. The path of a packet, and what sits where:

    from a link ─ prerouting ─┬─ firewall (loadBalancerSourceRanges; before translation: it needs the dialled address)
                              └─ services: mark for masquerade, pick an endpoint, translate the destination
                    ├─ input ──── no endpoints: reject or drop (node ports)
                    └─ forward ── no endpoints: reject or drop; cluster addresses nobody allocated
    from the node ─ output ───── the same four steps in this order
    leaving ─────── postrouting ─ masquerade what was marked

Refusals stand behind translation: whatever found an endpoint no longer carries the Service's address there.
Policies (harness.embedded.netpol) stand at priority 0, after all this and before masquerading: they judge a
connection by its client and the chosen pod.

`model.py` reads API objects, `choose.py` says which endpoints take part, `compile.py` writes the ruleset, all pure;
`sync.py` runs them when something changes. Facts follow kube-proxy 1.36 in nftables mode; where it differs from the
catalogue's requirements it is said beside the code. Not the API side of Services: controllers and store do that.
"""
