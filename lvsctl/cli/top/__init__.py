"""`top`: the status of a running daemon on the whole screen, kept up to date, with keys to drain and undrain."""
