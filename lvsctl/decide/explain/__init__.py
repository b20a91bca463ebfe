"""Why a service or a server stands as it does, link by link from what conf.d says to what the kernel has."""
