"""The HTTPS front of the embedded cluster: the Kubernetes API over the store, for kubectl and every other client.

`make_app` builds the application, `serve` puts it on bound sockets, `Authority` makes certificates, tokens and
kubeconfigs. It holds no objects and knows no rules of the kinds (that is the store), and runs no pods (that is the
kubelet, behind `Runtime`). Spec: the Kubernetes API concepts and the recordings of a real server.
"""

from harness.embedded.apiserver.app import VERSION, make_app, serve
from harness.embedded.apiserver.authority import Authority
from harness.embedded.apiserver.runtime import ExecProcess, Runtime

__all__ = ["VERSION", "Authority", "ExecProcess", "Runtime", "make_app", "serve"]
