"""The harness in its own checkout is used as anybody else uses it: as a plugin."""

pytest_plugins = ("harness.plugin",)
