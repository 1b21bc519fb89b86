"""The station itself, for its administrator: rules in force, slots, firmware profiles. Looking only."""

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from station.actions import disposal, rules
from station.api.context import station_of, visit_of
from station.api.render import render, translator_of
from station.api.station_pages import ProfileLine, ProfilesPage, RulesPage, SlotLine, SlotsPage
from station.board import read_slots
from station.config import SHIPPED_PROFILES
from station.errors import ConfigError, ProfileError
from station.profiles.library import find_profiles, load_profiles
from station.profiles.model import Profile
from station.slots import read_slots_map


def rules_page(request: Request) -> Response:
    """Show the settings in force, where each is set and what it means."""
    home = station_of(request).home
    page = RulesPage(rules.settings_in_force(home), disposal.rules_of(home), rules.FIXED, rules.FIXED_FIGURES)
    return render(request, "station_rules.html", page, visit=visit_of(request))


def slots_page(request: Request) -> Response:
    """Show which bay is which port, and what is in it."""
    home = station_of(request).home
    problem, ports = "", dict[int, str]()
    try:
        ports = {number: port for port, number in read_slots_map(home).items()}
    except ConfigError as error:
        problem = error.message
    boards = read_slots(home.run)
    lines = tuple(
        SlotLine(number, ports.get(number), boards.get(number)) for number in range(1, home.settings.slots + 1)
    )
    return render(request, "station_slots.html", SlotsPage(lines, problem), visit=visit_of(request))


def profiles_page(request: Request) -> Response:
    """Show the firmware profiles and how well each is proven."""
    station, t = station_of(request), translator_of(request)
    with station.database.read() as session:
        used = Counter(each.profile for each in station.all_recorders(session))
    try:
        places = find_profiles(*station.home.profiles)
        own = {path.parent.name for path in places if SHIPPED_PROFILES not in path.parents}
        found = load_profiles(*station.home.profiles).values()
        page = ProfilesPage(tuple(_line(each, t.locale, each.id in own, used[each.id]) for each in found))
    except ProfileError as error:
        page = ProfilesPage((), error.message)
    return render(request, "station_profiles.html", page, visit=visit_of(request))


def _line(profile: Profile, locale: str, own: bool, recorders: int) -> ProfileLine:
    name = profile.name.get("zh" if locale.startswith("zh") else "en") or next(iter(profile.name.values()))
    return ProfileLine(
        id=profile.id,
        version=profile.version,
        name=name,
        tier=profile.tier,
        transport=profile.transport.kind,
        erasing=profile.erase.allowed,
        clock=bool(profile.clock.read),
        own=own,
        recorders=recorders,
    )


ROUTES = (
    ("GET", "/station", rules_page),
    ("GET", "/station/slots", slots_page),
    ("GET", "/station/profiles", profiles_page),
)
