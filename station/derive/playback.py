"""Whether a browser plays an original as it is; the rule, as a table, for Chromium, Firefox and Safari of 2023 on."""

from enum import StrEnum

from station.derive.streams import AudioStream, VideoStream


class Playable(StrEnum):
    """What a person is shown: the original itself, a copy made for playing, or nothing."""

    ORIGINAL = "original"
    PROXY = "proxy"
    NONE = "none"


_SOUND_IN = {
    "mov": {"aac", "mp3"},
    "wav": {"pcm_u8", "pcm_s16le", "pcm_s24le"},
    "mp3": {"mp3"},
    "aac": {"aac"},
    "ogg": {"opus", "vorbis"},
    "flac": {"flac"},
}
_PHOTOS = {"jpeg", "png"}
_H264_PROFILES = {"Constrained Baseline", "Baseline", "Main", "High"}
_EIGHT_BIT_420 = {"yuv420p", "yuvj420p"}


def judge(
    container: str, media: str, video: VideoStream | None, audio: tuple[AudioStream, ...]
) -> tuple[Playable, str]:
    """Decide from a readable file's facts; the second value says why in one word, empty for an original."""
    if media == "photo":
        return (Playable.ORIGINAL, "") if container in _PHOTOS else (Playable.PROXY, "container")
    why = _judge_video(container, video) if video is not None else ""
    if not why and container not in _SOUND_IN:
        why = "container"
    if not why and any(stream.codec not in _SOUND_IN[container] for stream in audio):
        why = "audio_codec"
    return (Playable.PROXY, why) if why else (Playable.ORIGINAL, "")


def _judge_video(container: str, video: VideoStream) -> str:
    checks = (
        ("container", container == "mov"),
        ("video_codec", video.codec == "h264"),
        ("profile", video.profile in _H264_PROFILES),
        ("pixel_format", video.pixel_format in _EIGHT_BIT_420),
        ("interlaced", not video.interlaced),
    )
    return next((name for name, passed in checks if not passed), "")
