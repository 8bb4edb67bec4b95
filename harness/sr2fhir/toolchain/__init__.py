"""Set-up: fetch, verify and compile whatever the engine needs, once, and notice what has changed since.

The steps stand in `steps`, `runner` decides which have to run, and the other modules say what each does.
"""
