"""The supernet of the search, in two engines of the same function, and what is minimised on it."""

from bnas.search.supernet.diversity import arch_entropy, search_objective
from bnas.search.supernet.network import Engine, Supernet
from bnas.search.supernet.space import SearchSpace
from bnas.search.supernet.states import from_shared, to_shared

__all__ = [
    "Engine",
    "SearchSpace",
    "Supernet",
    "arch_entropy",
    "from_shared",
    "search_objective",
    "to_shared",
]
