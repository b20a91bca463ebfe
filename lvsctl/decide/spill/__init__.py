"""Which pool takes new connections: from counts and thresholds, as the kernel does not say who is full.

load.py has the nouns, server.py estimates one server's flag, pools.py says what follows for the pools, counting.py
what was spilled, telling.py says what is told of it, watch.py puts a look beside the one before.
"""
