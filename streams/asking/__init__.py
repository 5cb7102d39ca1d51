"""Asking ledgers from a command line: commands out, the events that answer them off the tape."""
