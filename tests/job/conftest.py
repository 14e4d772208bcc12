"""Settings of the tests of this folder."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, database=None)  # no test depends on how fast a machine is
settings.load_profile("steady")
