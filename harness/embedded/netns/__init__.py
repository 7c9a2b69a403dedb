"""The netns part of the embedded cluster."""
