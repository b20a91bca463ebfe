"""The kernel lab: runs a command on a real IPVS kernel (user-mode-linux), as an ordinary process and without root."""
