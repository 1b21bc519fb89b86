"""When two listings show the same file: the sighting key.

Guarantee: the key depends only on what the recorder's directory says of the file (recorder, volume, raw path, entry
address, size, raw times), never on its content; equal keys with other bytes are therefore an alarm.
"""

from hashlib import sha256

import rfc8785

from station.records.reading import RawName, RawTimes


def sighting_key(
    recorder: str, volume: int, path: tuple[RawName, ...], address: int, size_bytes: int, times: RawTimes
) -> str:
    """Return the key as hex. The time of last access is left out, since a mere mount elsewhere changes it."""
    return sha256(
        rfc8785.dumps(
            [
                recorder,
                volume,
                [name.raw for name in path],
                str(address),
                str(size_bytes),
                times.modified,
                times.created,
                times.zone_offset_minutes,
            ]
        )
    ).hexdigest()
