"""Trees in plain arrays: what the ONNX export writes, and explanations and comparables read.

The price of a row is the sum of the values of its leaves, one leaf of each tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from housing_cli.model.graph import Node, attributes, nodes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OPERATOR = "TreeEnsemble"
_LOST = "a node of a tree is not there"


@dataclass(frozen=True, slots=True)
class Trees:
    """I inner nodes and L leaves of T trees, each numbered from 0.

    A node is named by a number of at least 0 where it is an inner one, and by `~leaf`, below 0,
    where it is a leaf. roots: (T,), nodes. feature: (I,), the column that is looked at; threshold:
    (I,); a row whose value is at most that goes on at the node `yes` (I,), any other at `no` (I,).
    value: (L,), in the target's unit.
    """

    roots: Ints
    feature: Ints
    threshold: Floats
    yes: Ints
    no: Ints
    value: Floats

    def leaves(self, rows: Floats) -> Ints:
        """Return the leaf (n, T) of each of the rows (n, m) in each tree."""
        count = len(self.roots)
        at = np.tile(self.roots, len(rows))
        going = np.flatnonzero(at >= 0)
        while len(going):
            node = at[going]
            low = rows[going // count, self.feature[node]] <= self.threshold[node]
            at[going] = np.where(low, self.yes[node], self.no[node])
            going = going[at[going] >= 0]
        return ~at.reshape(len(rows), count)

    def score(self, rows: Floats) -> Floats:
        """Return the prices (n,) of rows (n, m)."""
        prices: Floats = self.value[self.leaves(rows)].sum(axis=1)
        return prices


def read_trees(onnx_bytes: bytes) -> dict[str, Trees]:
    """Return the trees of each node that holds some, by the name of the node's result.

    Raises ValueError where they are not as the export writes them.
    """
    try:
        return {
            node.outputs[0]: _checked(_trees(node))
            for node in nodes(onnx_bytes)
            if node.operator == OPERATOR
        }
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("trees without all of their parts") from error


def _trees(node: Node) -> Trees:
    found: dict[str, Any] = attributes(node)
    if np.any(found["nodes_modes"]) or found["n_targets"] != 1 or found["aggregate_function"] != 1:
        raise ValueError("trees that are not summed, or that compare otherwise than by <=")
    yes, no = (
        np.where(found[f"nodes_{side}leafs"] == 1, ~numbers, numbers)
        for side, numbers in (
            ("true", found["nodes_truenodeids"]),
            ("false", found["nodes_falsenodeids"]),
        )
    )
    roots = found["tree_roots"]
    if roots.max(initial=0) >= len(yes):
        raise ValueError(_LOST)
    # A tree that never splits is written as a node whose branches both lead to its leaf.
    alone = (yes[roots] == no[roots]) & (yes[roots] < 0)
    inner = len(yes) - int(alone.sum())  # these nodes stand last
    return Trees(
        np.where(alone, yes[roots], roots),
        found["nodes_featureids"][:inner],
        found["nodes_splits"][:inner].astype(np.float64),
        yes[:inner],
        no[:inner],
        found["leaf_weights"].astype(np.float64),
    )


def _checked(trees: Trees) -> Trees:
    """Return `trees`; raises ValueError where a node names one that is not there."""
    inner, leaves = len(trees.feature), len(trees.value)
    for named in (trees.roots, trees.yes, trees.no):
        if len(named) and (named.max() >= inner or named.min() < -leaves):
            raise ValueError(_LOST)
    if not len(trees.threshold) == len(trees.yes) == len(trees.no) == inner:
        raise ValueError("the parts of the trees have different lengths")
    return trees
