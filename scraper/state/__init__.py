"""The ledger: what happened, and what is still to be done."""
