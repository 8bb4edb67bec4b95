"""Measure what users wait for: ``make bench``.

One module for each table of figures. Every figure that has a goal is a ratio of two things measured
alternately in one run, so that other load on the machine hits both; times alone say more about the machine
than about the code.
"""
