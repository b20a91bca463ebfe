"""config says what the operator wants, checks say who is alive, kernel says what is there;
decide turns the three into a short plan; daemon does this again and again; notify tells people."""

__version__ = "0.1.0"
