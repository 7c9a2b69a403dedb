"""Tests of the Ingress oracle."""
