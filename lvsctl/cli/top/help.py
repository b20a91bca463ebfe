"""The text of the help: at most 23 lines of 80, so that nothing of it needs to be scrolled."""

HELP = (
    "lvsctl top: what `lvsctl status` tells, kept up to date",
    "",
    "  up down k j PgUp PgDn Home End    choose",
    "  Enter, left, right                open or close the service",
    "  e                                 open or close all",
    "  s S                               sort by trouble, conf.d, name, load, ...",
    "  R                                 backwards",
    "  /                                 filter: every word must be there; Esc: all",
    "  d                                 drain the server or the pool: asks first",
    "  u                                 undrain it: asks first",
    "  r                                 ask the daemon now",
    "  q                                 quit",
    "",
    "  STATE   what the checks say, and: full (estimated), kept (down, but a guard",
    "          leaves it in), drain, off, weight (an operator's doing, `u` ends it)",
    "  WGHT    - is out of the table; of services and pools: how many serve, of all",
    "  LOAD    connections against the upper thresholds; of a service: its first pool",
    "  LATENCY of the last answer, and of the last polls: usual at half height",
    "",
    "  `lvsctl explain SERVICE/SERVER` says why; `lvsctl history` says since when",
)
