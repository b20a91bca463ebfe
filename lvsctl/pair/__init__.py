"""Who is active: VRRP in, role out."""
