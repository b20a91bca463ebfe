"""Who is alive: world -> Outcome."""
