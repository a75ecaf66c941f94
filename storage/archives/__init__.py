"""Export archives: how they are laid out, written as a stream, described by schemas, and verified offline."""
