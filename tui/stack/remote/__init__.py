"""A cluster that is already there: addresses only, nothing is started or stopped."""
