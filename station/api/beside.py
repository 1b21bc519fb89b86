"""What stands beside a clip's player, for a visitor whose look is entered: how loud it is when, and where it was."""

from station.actions import media
from station.api.context import Station
from station.api.maps import MapView, draw_place, draw_track
from station.api.waves import WaveView, draw_wave
from station.catalogue.clips import ClipBytes
from station.catalogue.views import ClipDetail
from station.database import Session


def wave_beside(station: Station, session: Session, held: ClipBytes, detail: ClipDetail) -> WaveView | None:
    """Return the wave of a clip that plays, None for one without a length."""
    if detail.row.duration_ms is None:
        return None
    wave = media.waveform(station.home, held)
    if wave is None:
        return WaveView(media.beside_state(session, held, media.WAVEFORM))
    return draw_wave(wave, detail.row.duration_ms)


def map_beside(station: Station, session: Session, held: ClipBytes, detail: ClipDetail) -> MapView:
    """Return the clip's way; where it has none, the one place that is known of it; else why there is nothing."""
    folder = station.home.map_tiles
    track = media.track(station.home, held)
    if track is not None and track.fixes:
        return draw_track(track, folder)
    if detail.coordinates is not None:
        return draw_place(*detail.coordinates, folder)
    if track is None and held.media == "video" and held.playable in ("original", "proxy"):
        return MapView(media.beside_state(session, held, media.TRACK))
    return MapView("none")
