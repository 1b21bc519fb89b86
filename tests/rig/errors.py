"""The one error of the rig: what it was about to do, and what the guest or a tool said."""


class RigError(Exception):
    """The rig itself, not what it tests, went wrong; never a reason to skip."""
