"""Measured, not guessed: ratios against an alternative in the same run."""
