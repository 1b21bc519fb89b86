"""Deleting ticketed files from a card in user space: FAT16, FAT32 and exFAT.

`blocks` writes, `survey` knows what every cluster belongs to, `fat` and `exfat` know the two formats, `volume` puts
them together. Nothing here decides whether a file may be erased: `station.eraser` does, by its ticket.
"""
