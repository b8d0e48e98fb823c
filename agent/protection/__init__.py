"""Protection software of a host: which product runs, and how old its signatures are."""
