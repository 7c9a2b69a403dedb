"""The promises, as tests that run against any cluster."""
