"""Seeing what is plugged into the dock, from sysfs alone: nothing here speaks to a device."""
