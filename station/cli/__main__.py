"""`python -m station.cli`: the command line, for the processes that start one another."""

from station.cli import main

main()
