"""Class certificates: every point in rational arithmetic, ties against the network."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect import Network, certify_classes, tasks
from mathcircuits.detect.exact import wrong_share

#: x1 - x2 and x2 - x1: the nearest points differ by a quarter, so that the lead is a half.
LARGER = Network([[[1.0, -1.0], [-1.0, 1.0]], [[1.0, -1.0], [-1.0, 1.0]]])


def test_a_classifier_that_is_right() -> None:
    found = certify_classes(LARGER, "larger-of-2")
    assert (found.points, found.wrong, found.margin, found.certified) == (20, 0, 0.5, True)
    assert abs(found.witness[0] - found.witness[1]) == 0.25


def test_a_tie_is_wrong() -> None:
    """Where x2 is the larger both outputs are 0: ten points, and none of those with x1 the larger."""
    found = certify_classes(Network([[[1.0, -1.0]], [[1.0], [0.0]]]), "larger-of-2")
    assert (found.wrong, found.margin, found.certified) == (10, 0.0, False)
    assert found.witness[0] < found.witness[1]


def test_a_lead_below_the_rounding_of_floats_is_a_lead() -> None:
    """The outputs 1 + d and 1 at |d| = 2^-60 are one float; their difference is exact."""
    tiny = 2.0**-60
    for least, wrong in ((tiny, 0), (-tiny, 10)):
        # v0 = 64 relu(x1 - x2) and v1 the other way; the logits are v0 + least and v0 + v1: least and v1 apart.
        net = Network([[[64.0, -64.0], [-64.0, 64.0]], [[1.0, 0.0], [1.0, 1.0]]], [None, [least, 0.0]])
        found = certify_classes(net, "larger-of-2")
        assert (found.wrong, found.margin) == (wrong, least)
        assert wrong_share([net], tasks["larger-of-2"]).tolist() == [wrong / 20]


def test_shares_of_wrong_classes_by_hand() -> None:
    turned = Network([[[-1.0, 1.0], [1.0, -1.0]]])
    broken = Network([[[1e308, -1e308], [-1e308, 1e308]], [[1e308, 0.0], [0.0, 1e308]]])
    shares = wrong_share([LARGER, turned, broken], tasks["larger-of-2"])
    np.testing.assert_array_equal(shares, [0.0, 1.0, np.nan])
