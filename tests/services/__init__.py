"""Services that Muniment speaks to, each out of a package, on loopback, for as long as a test needs it."""
