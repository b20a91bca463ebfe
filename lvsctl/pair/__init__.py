"""Who is active: VRRP in, role out.

Three providers say what role this director has (provider): speaker, which speaks VRRP itself; beside, which listens to
a keepalived (keepalived: its words); manual, which is told (follower: what these two share).

VRRP, in this order: datagram (what came, by its IP header), packet (adverts as bytes; seal: our addition; source: from
where they go; frame: from which MAC), state (the nouns), vrrp (one virtual router), group (those that move together),
words (why). All of it is without I/O and without a clock. Then what drives it: filter (what the kernel hands over),
port and ports (sockets), fitness (what is a fault), ground (what others have to give: links and addresses), place and
mover (addresses follow the role), clearing (what an earlier life has left), tally, station (one instance with all
that), parties (all of them; fates: what becomes of them when the configuration is another one), speaker, and apart,
which gives it a process of its own (messages: what the two say to each other).

Whoever owns the sockets drives the machines so:

- Time is CLOCK_BOOTTIME in seconds: it counts a suspended machine's sleep, and no wall clock's jumps.
- On waking up, for whatever reason: first read the sockets, for as many datagrams as were waiting, then the news of
  links and addresses (Unfit, Fit), and only then give Tick to the members whose timer is due. After a sleep this is
  what keeps an active director from speaking again before it has heard who took over. Not more than were waiting, or
  a flood holds the timers up.
- A datagram belongs to the instance of its interface, family and virtual router (payload[1]). `Codec.decode` refuses
  or returns an advert: count either, and the oddities. Of sealed ones, keep `newest[datagram.source] = advert.number`,
  and write our own number down ahead of use, so that none is used twice over a restart.
- `group.step` returns the states, to be kept, and actions, to be done in their order: Send goes out at once and may
  fail; Became is the role, from which addresses, announcements and hooks follow elsewhere; Announce wants the addresses
  to be there already. Becoming active: Send, Became, Announce. Giving up: Send, then Became, and the addresses go.
- Before Start, tell of every fault there is (Unfit). A lost carrier is Unfit(CARRIER), at once, by link news.
"""
