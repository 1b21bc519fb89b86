"""ffmpeg command lines, built as graphs by ffmpeg-python and never run by it.

Guarantee: every list returned starts with `ffmpeg`, names the original as `tool.INPUT` after the options of
`tool.input_options`, writes at most one relative file, with the `file:` prefix, and carries no metadata of the
original over.
"""

from typing import Any

import ffmpeg

from station.derive import tool

_PIXELS = "yuv420p"
_SEEK_BEFORE_SECONDS = 10  # recorders write a key frame far more often
_BEFORE = ("-hide_banner", "-nostdin", "-v", "error", "-y")
# Nothing of place, time or maker goes into derived files, nor the encoder's name and version.
_CLEAN = {"map_metadata": "-1", "map_chapters": "-1", "fflags": "+bitexact", "flags:v": "+bitexact", "threads": "2"}


def open_source(demuxer: str, **options: str | None) -> Any:
    """Return the original as a graph's input; an option without a value is given None."""
    return ffmpeg.input(tool.INPUT, threads="2", **options, **tool.input_options(demuxer))


def fit(stream: Any, longest: int, *, even: bool = False) -> Any:
    """Scale a picture down, never up, until neither side is longer than `longest` pixels."""
    return stream.filter(
        "scale",
        w=f"min({longest},iw)",
        h=f"min({longest},ih)",
        force_original_aspect_ratio="decrease",
        force_divisible_by="2" if even else "1",
    )


def first_of(streams: list[Any]) -> Any:
    """Take one frame, of the first stream that has any; all must be of one size and format."""
    return ffmpeg.concat(*streams, n=len(streams), v=1, a=0).filter("trim", end_frame="1").filter("setpts", "0")


def blanks(size: tuple[int, int], count: int) -> list[Any]:
    """Return `count` black pictures of `size`."""
    source = ffmpeg.input(f"color=c=black:s={size[0]}x{size[1]}:d=1", f="lavfi")
    split = source.filter("format", _PIXELS).filter("setsar", "1").filter_multi_output("split", str(count))
    return [split[number] for number in range(count)]


def tile(stream: Any, size: tuple[int, int]) -> Any:
    """Fit a picture into exactly `size`, with black bars where it has another shape."""
    width, height = (str(side) for side in size)
    stream = stream.filter("scale", w=width, h=height, force_original_aspect_ratio="decrease")
    return stream.filter("pad", w=width, h=height, x="-1", y="-1").filter("format", _PIXELS).filter("setsar", "1")


def side_by_side(streams: list[Any]) -> Any:
    """Put pictures of one height next to each other."""
    return ffmpeg.filter(streams, "hstack", inputs=str(len(streams)))


def write_picture(stream: Any, name: str) -> list[str]:
    """Return the command that writes the graph's first frame as WebP."""
    # image2pipe: image2 would read a % in the name as a pattern.
    options = {**_CLEAN, "f": "image2pipe", "c:v": "libwebp", "quality": "80", "frames:v": "1"}
    return _compile(stream.output(f"file:{name}", **options))


def write_exact_frame(demuxer: str, base: tuple[int, int], ticks: int, name: str) -> list[str]:
    """Return the command that writes the first frame shown at or after `ticks` of `base` seconds as PNG, unscaled.

    Its own time is printed in the same ticks as `pts:<n>`, for the caller to compare.
    """
    # Times stay the file's own; the seek goes to the key frame before, and what follows is decoded up to the frame.
    # Only MP4 has an index of those: elsewhere a seek may come out behind them.
    seconds = ticks * base[0] / base[1] - (0 if demuxer == "mov" else _SEEK_BEFORE_SECONDS)
    seek = {"seek_timestamp": "1", "ss": f"{seconds:.6f}"} if seconds > 0 else {}
    stream = open_source(demuxer, noaccurate_seek=None, **seek).video
    stream = stream.filter("settb", expr=f"{base[0]}/{base[1]}").filter("select", expr=f"gte(pts,{ticks})")
    stream = stream.filter("metadata", mode="add", key="frame", value="1")  # frames without any are not printed
    stream = stream.filter("metadata", mode="print", file="pipe:1")
    options = {
        **_CLEAN,
        "f": "image2pipe",
        "c:v": "png",
        "pix_fmt": "rgb24",
        "frames:v": "1",
        "fps_mode": "passthrough",
    }
    return _compile(stream.output(f"file:{name}", **options, copyts=None))


def write_movie(streams: list[Any], name: str, **options: str) -> list[str]:
    """Return the command that writes the streams as an MP4 a browser can start before it has it all."""
    options = {**_CLEAN, "f": "mp4", "movflags": "+faststart", "progress": "pipe:1", **options}
    return _compile(ffmpeg.output(*streams, f"file:{name}", **options))


def write_nothing(stream: Any) -> list[str]:
    """Return the command that runs the graph for what its filters print."""
    return _compile(stream.output("-", f="null"))


def _compile(output: Any) -> list[str]:
    program, *arguments = output.compile()
    return [program, *_BEFORE, *arguments]
