"""LRP and Deep Taylor written slowly from the papers, one neuron at a time, for small networks.

A network is a list of steps: ("linear", matrix (n_out, n_in), bias (n_out,)), ("function", f) for
activations, ("average", matrix) for poolings by the mean, ("max", groups) with the inputs of each
output.
"""

from __future__ import annotations

import numpy as np

SMALL = 1e-7


def forward(steps, x):
    """The values before each step, and the output after the last."""
    values = [np.asarray(x, np.float64)]
    for kind, *what in steps:
        x = values[-1]
        if kind == "linear":
            values.append(what[0] @ x + what[1])
        elif kind == "average":
            values.append(what[0] @ x)
        elif kind == "function":
            values.append(what[0](x))
        else:
            values.append(np.array([max(x[i] for i in group) for group in what[0]]))
    return values


def relevance(steps, x, target, share):
    """The inputs' relevance for output ``target``; ``share(kind, w, x, z)`` is a rule.

    A rule gives the share of each input in one output neuron's relevance.
    """
    values = forward(steps, x)
    found = np.zeros(len(values[-1]))
    found[target] = values[-1][target]
    for (kind, *what), x, z in zip(steps[::-1], values[-2::-1], values[:0:-1], strict=True):
        if kind == "function":
            continue
        below = np.zeros(len(x))
        for j, relevance_j in enumerate(found):
            if kind == "max":
                group = what[0][j]
                below[max(group, key=lambda i: x[i])] += relevance_j
                continue
            below += share(kind, what[0][j], x, z[j]) * relevance_j
        found = below
    return found


def z_rule(kind, w, x, z):
    """Bach et al. 2015, eq. 56: z_ij / z_j, the bias a part of z_j."""
    return np.array([w_i * x_i / (z if z != 0 else SMALL) for w_i, x_i in zip(w, x, strict=True)])


def epsilon_rule(epsilon):
    """Bach et al. 2015, eq. 58: z_ij / (z_j + epsilon sign(z_j)); averages by the z rule."""

    def rule(kind, w, x, z):
        if kind == "average":
            return z_rule(kind, w, x, z)
        away = z + epsilon if z >= 0 else z - epsilon
        return np.array([w_i * x_i / away for w_i, x_i in zip(w, x, strict=True)])

    return rule


def z_plus_rule(kind, w, x, z):
    """Montavon et al. 2017, eq. 13: (w_ij x_i)+ / sum_i (w_ij x_i)+; averages by their weights."""
    if kind == "average":
        return w
    positive = [max(w_i * x_i, 0.0) for w_i, x_i in zip(w, x, strict=True)]
    return np.array(positive) / (sum(positive) or SMALL)
