"""Pools that do not fit into memory, or onto one machine: queries part by part."""

from skactive.pools._merge import merge
from skactive.pools._query import query, take
from skactive.pools._shortlist import Shortlist, shortlist

__all__ = ["Shortlist", "merge", "query", "shortlist", "take"]
