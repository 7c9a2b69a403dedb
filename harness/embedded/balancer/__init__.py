"""The load balancer's way in: which node takes what is sent to a balancer's address, and that neighbours know it."""
