"""The control socket: HTTP and JSON over a unix socket; `routes` is the table, and every resource has a file."""
