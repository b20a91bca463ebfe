"""What `lvsctl doctor` makes of the facts: facts -> findings."""
