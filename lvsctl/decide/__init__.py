"""What to do: values -> values. No clock, no I/O, no log; `now` is an argument."""
