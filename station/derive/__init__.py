"""What is made from an original and can be made again: facts (probe), posters and filmstrips, playable proxies.

Nothing here alters an original, and none of its results is evidence.
"""
