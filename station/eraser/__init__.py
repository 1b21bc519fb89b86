"""The eraser: the one process that may write to a recorder's card, for one ticket.

`__main__` is the privileged parent: it checks the disk, lifts and restores its write protection, opens it, and parses
no more than the ticket's first line. `work` is its confined child, which proves (`warrant`) and deletes.
"""
