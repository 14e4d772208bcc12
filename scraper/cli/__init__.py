"""The door: commands only. Parse, call, print, exit code."""
