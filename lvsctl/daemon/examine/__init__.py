"""The facts for `lvsctl doctor`: the kernel asked, the host's files read, nothing written."""
