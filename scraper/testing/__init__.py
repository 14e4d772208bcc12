"""Jobs that test themselves: cases of `tests:` replayed from their tapes, for `scraper test` and for pytest."""
