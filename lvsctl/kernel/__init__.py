"""What is there: Table <-> netlink."""
