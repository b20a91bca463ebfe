"""What is there: tables, sync daemons, links and addresses <-> netlink."""
