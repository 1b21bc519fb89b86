"""`station rebuild` and `health`: what keeps evidence provable; `verify` is in `verifying`."""

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_database, open_home, open_station, t
from station.evidence.opening import open_store


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="rebuild", help=t("Rebuild the catalogue from the ledger"))(_rebuild)
    app.command(name="health", help=t("Show disk, clock, signer and queue"))(_health)


def _rebuild(home: HomeOption = None) -> None:
    from station.custody import rebuild

    with open_database(open_home(home)) as database:
        count = rebuild(database)
    answer(t("The catalogue was rebuilt from {count} entries", count=count))


def _health(home: HomeOption = None, json: JsonOption = False) -> None:
    from station.actions.health import AGES, examine

    with open_station(home) as (station, database, custody):
        checks = examine(station, database, custody, open_store(station))
    if json:
        answer_json({each.code: {"state": each.state, "value": each.value} for each in checks})
    else:
        for each in checks:
            value = t.code("health_value", each.value)
            if each.code in AGES and value.isdigit():
                value = t("{age} ago", age=t.wait(int(value)))
            elif each.code == "chores" and each.value not in ("running", "stopped", "never"):
                value = " · ".join(t.code("chore", name) for name in each.value.split())
            answer(f"{t.code('health', each.code)}: {t.code('health_state', each.state)} {value}")
    raise typer.Exit(1 if any(each.state == "bad" for each in checks) else 0)
