"""An Ingress controller: HAProxy in a pod, kept in step with the API (networking.k8s.io/v1 Ingress).

client ──▶ Service ingress/ingress (LoadBalancer) ──▶ HAProxy ──▶ address and port of an endpoint

    model.py       API objects → who answers which host and path, with which certificate
    compile.py     that, and the faults planted in it → HAProxy's configuration, as text and files
    proxy.py       the one door: writes the files, starts HAProxy, has it reload without closing its ports
    controller.py  follows the API and says in each Ingress where it is served

It goes to endpoints, not to the Service's address, and serves the class `haproxy`. Annotations change nothing.
"""
