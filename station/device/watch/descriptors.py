"""Reading the `descriptors` file of a USB device: the parser lives where recordings of recorders need it, too."""

from station.profiles.descriptors import MOST_BYTES, Descriptors, DescriptorsError, read_descriptors

__all__ = ["MOST_BYTES", "Descriptors", "DescriptorsError", "read_descriptors"]
