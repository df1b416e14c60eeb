"""`flowcoll setup-elasticsearch`."""

from collections.abc import Sequence
from pathlib import Path

import click

from flowcoll.cli.parameters import configured, load
from flowcoll.errors import SetupError


@click.command("setup-elasticsearch")
@configured
@click.option("--output", "name", metavar="NAMESPACE", help="Only the output EF_<NAMESPACE>_OUTPUT_ELASTICSEARCH_...")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option(
    "--rollover", is_flag=True, help="Let a data stream that older templates have made begin a new index now."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--print-roles", is_flag=True, help="Print requests for roles and API keys, and do nothing else.")
@click.option("--print-templates", is_flag=True, help="Print what would be installed as requests, and do nothing else.")
def setup_elasticsearch(  # noqa: PLR0913  one parameter for each option
    *,
    config_path: Path | None,
    sets: Sequence[str],
    name: str | None,
    dry_run: bool,
    rollover: bool,
    as_json: bool,
    print_roles: bool,
    print_templates: bool,
) -> int:
    """Install index templates and the lifecycle policy in Elasticsearch.

    A second run changes nothing. The options are those of `flowcoll run`; the output need not be enabled yet. Who writes
    needs fewer rights than who installs: --print-roles.
    """
    import orjson  # noqa: PLC0415

    from flowcoll import elastic  # noqa: PLC0415
    from flowcoll.setup import command, roles  # noqa: PLC0415

    outputs = command.outputs(lambda more: load(config_path, [*sets, *more]), name)
    if print_roles or print_templates:
        page = roles.page if print_roles else command.templates_page
        click.echo("\n".join(map(page, outputs)), nl=False)
        return 0
    reports = []
    for output in outputs:
        with elastic.connect(output) as client:
            reports.append(command.setup(client, output, command.Wish(dry_run=dry_run, rollover=rollover)))
        if not as_json:
            click.echo(f"{reports[-1]}\n")
    if as_json:
        click.echo(orjson.dumps([report.as_dict() for report in reports], option=orjson.OPT_INDENT_2))
    else:
        click.echo(command.summary(reports, dry_run=dry_run))
    if hidden := command.unseen(reports):
        raise SetupError(f"{', '.join(hidden)}: this user may not see it; --print-roles shows the role that may")
    return 0
