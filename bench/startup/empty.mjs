// The baseline: a fresh Node process that does nothing.
