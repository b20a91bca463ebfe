"""The other director: what it is told, what is heard of it, and what follows from that."""
