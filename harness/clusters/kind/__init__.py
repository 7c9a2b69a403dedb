"""Real Kubernetes clusters in containers, made by kind for one run, or kept for several.

request    what the user asked, refused when it contradicts itself         pure
versions   which node image, which kind it needs                           pure
config     the kind configuration of a plan                                pure
marks      whose a cluster is, told by its node containers                 pure
pool       which addresses LoadBalancer Services get                         pure
mirror     where another registry holds all images                          pure
engine     docker and kind as commands
images     every image that is needed
companion  a program beside the nodes
leftovers  clusters of dead runs
provider   the order of it all
checks     what `harness doctor` looks at
"""

from harness.clusters.kind.engine import Tools
from harness.clusters.kind.provider import KindCluster, Setting
from harness.clusters.kind.request import Request

__all__ = ["KindCluster", "Request", "Setting", "Tools"]
