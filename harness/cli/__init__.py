"""The `harness` command. Each subcommand is a module of its own; this one puts them together and says no in one line.

Bad input, a cluster that cannot be had and missing rights end with exit code 4, without a traceback (design section 8).
"""

from __future__ import annotations

import sys

import click

from harness.cli.clean import clean
from harness.cli.compare import compare
from harness.cli.doctor import doctor
from harness.cli.explain import explain
from harness.cli.images import images
from harness.cli.listing import list_requirements
from harness.cli.matrix import matrix
from harness.cli.report import report
from harness.cli.rerun import rerun
from harness.cli.run import run
from harness.cli.standing import down, up
from harness.cli.waits import waits
from harness.clusters.provider import ClusterError
from harness.kube.errors import KubeError
from harness.world.deploy import NotReadyError

REFUSED = 4
INTERRUPTED = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kubernetes-network-harness", prog_name="harness")
def commands() -> None:
    """Proves that a Kubernetes cluster keeps its networking promises."""


for each in (up, down, doctor, run, rerun, report, matrix, compare, list_requirements, explain, images, clean, waits):
    commands.add_command(each)


def main(args: list[str] | None = None) -> None:
    """Run one subcommand and exit with its code."""
    sys.exit(code_of(args))


def code_of(args: list[str] | None = None) -> int:
    """Run one subcommand; its exit code."""
    try:
        told = commands.main(args, prog_name="harness", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return REFUSED
    except click.ClickException as error:
        return _refuse(error.format_message())
    except (ClusterError, KubeError, NotReadyError) as error:
        return _refuse(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("harness: interrupted", err=True)
        return INTERRUPTED
    except SystemExit:
        return (
            INTERRUPTED  # so click ends where nobody reads what is printed any more; with 1, which is a broken promise
        )
    return told if isinstance(told, int) else 0


def _refuse(why: str) -> int:
    click.echo(f"harness: {' '.join(why.split())}", err=True)
    return REFUSED
