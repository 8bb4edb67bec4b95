"""Compile what a checkout holds and a wheel carries ready: FSH definitions, maps, our own Java."""
