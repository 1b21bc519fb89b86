"""The clock inside a fake recorder: naive, in its own zone, wrong by an offset, drifting, and lost with the battery."""

from collections.abc import Callable
from datetime import datetime, timedelta

from station import clock

RESET_TO = datetime(2000, 1, 1)  # noqa: DTZ001 - a recorder knows no zone


class RecorderClock:
    """Shows the station's time shifted by the zone and `offset_seconds`, gaining `drift_ppm` from now on."""

    def __init__(
        self,
        offset_seconds: float = 0,
        drift_ppm: float = 0,
        zone_hours: float = 8,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._now = now
        self._drift = drift_ppm / 1e6
        self._set_at = now()
        self._shown_then = self._host(zone_hours) + timedelta(seconds=offset_seconds)

    def _host(self, zone_hours: float) -> datetime:
        return self._now().replace(tzinfo=None) + timedelta(hours=zone_hours)

    def read(self) -> datetime:
        """Return what the recorder shows: naive."""
        passed = (self._now() - self._set_at).total_seconds()
        return self._shown_then + timedelta(seconds=passed * (1 + self._drift))

    def set(self, moment: datetime) -> None:
        """Let the recorder show the naive `moment` now."""
        assert moment.tzinfo is None
        self._set_at, self._shown_then = self._now(), moment

    def reset(self) -> None:
        """Lose the time, as recorders do when the battery is empty."""
        self.set(RESET_TO)
