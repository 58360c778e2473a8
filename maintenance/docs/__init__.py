"""The documentation as a site: pages from elsewhere in the repository, and a check of it."""
