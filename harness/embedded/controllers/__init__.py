"""The controllers part of the embedded cluster."""
