"""This director's part in a pair, put together from the rooms that know how.

pairing is the facade. part: a provider at work, begun anew where it fails (providers: how each is made; said: what
`manual` remembers; alone: that nobody else speaks here). Of each transition, following tells the sync daemons (syncing)
and then the hooks. offering: the priority that health leaves. showing: all of it as values.
"""
