"""`make demo`: the seed's story, told with the real daemon, real servers and real connections on a real kernel."""
