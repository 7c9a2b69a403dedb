"""The official Kubernetes client behind one facade. Nothing else imports it."""
