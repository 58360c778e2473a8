"""The command `bnas-tools`: the toolkit's packages on the command line."""
