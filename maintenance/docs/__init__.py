"""What `make docs` needs besides mkdocs.yml: pages from elsewhere in the repository, and a check of the site."""
