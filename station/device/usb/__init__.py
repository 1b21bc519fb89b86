"""Speaking to one recorder whose descriptors matched a profile: the link, and the dialects as behaviours in code."""
