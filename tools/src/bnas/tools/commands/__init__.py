"""The commands of `bnas-tools`, one a file."""
