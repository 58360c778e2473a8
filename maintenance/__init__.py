"""What keeps the repository in order: building, checking, releasing. Part of no distribution."""
