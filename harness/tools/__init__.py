"""Tools of the repository, in no wheel; run them from the root of a checkout."""
