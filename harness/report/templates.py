"""Templates of pages: HTML from a file beside the code that fills it. Everything filled in is escaped.

A name that a template uses and nobody gives is an error, not an empty place in a report.
"""

from __future__ import annotations

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


@functools.cache
def template(file: Path) -> Template:
    """The template in a file. Raises jinja2.TemplateError."""
    environment = Environment(
        loader=FileSystemLoader(file.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(file.name)
