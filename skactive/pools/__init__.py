"""Pools that do not fit into memory, or onto one machine: queries part by part."""

from skactive._compat.names import name_publicly as _name_publicly
from skactive.pools._merge import merge
from skactive.pools._query import query, take
from skactive.pools._shortlist import Shortlist, shortlist

__all__ = ["Shortlist", "merge", "query", "shortlist", "take"]

_name_publicly(globals())
