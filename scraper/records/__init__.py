"""Records: the items as a file for people and programs."""
