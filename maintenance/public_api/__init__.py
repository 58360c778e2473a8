"""The public names of each distribution, kept in a file, so that a change of them is seen.

`packages/X/public-api.txt` is a stub: what `bnas.X` and its public modules offer, made from the
source without running it (the command line: from Click). A difference is told as breaking or not.
"""
