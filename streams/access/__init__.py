"""Users and their keys: how keys are made, how both are put on `audit.logs`, and the command line for them."""
