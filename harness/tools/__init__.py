"""Tools of the project's makers: guide pages, terminology, wheel, benchmarks. Not in the wheel."""
