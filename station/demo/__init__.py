"""The product's first-run tour: sample people, recorders, cards and footage, marked as a demonstration everywhere."""
