"""How kernels are compiled.

`kernel` compiles without numba's reference counting: kernels never allocate, they write into the columns and the
scratch room they are given. That makes compiling several times faster (a world is some two hundred arrays, each of
which would be counted at every use) and keeps replications from touching shared counters.
"""

from typing import Any

import numba
import numpy as np

FAST = {"contract"}  # fused multiply-add only; the order of operations stays as written

njit: Any = numba.njit  # typed loosely: numba's own hints do not know the option

kernel = njit(_nrt=False, error_model="numpy")
fast_kernel = njit(_nrt=False, fastmath=FAST, error_model="numpy")
inlined = njit(_nrt=False, error_model="numpy", forceinline=True)
fast_inlined = njit(_nrt=False, fastmath=FAST, error_model="numpy", forceinline=True)
SUMS = FAST | {"reassoc", "nnan", "nsz"}  # sums and largest values in any order, of numbers none of which is NaN
summing = njit(_nrt=False, fastmath=SUMS, error_model="numpy")  # for reports only
entry = njit(_nrt=False, error_model="numpy", nogil=True, cache=True)  # what Python calls


_0, _7, _14, _28, _255 = np.uint64(0), np.uint64(7), np.uint64(14), np.uint64(28), np.uint64(255)
LOWEST = np.array([max(0, (code & -code).bit_length() - 1) for code in range(256)], np.uint8)  # place of the lowest bit


@kernel
def note_flags(flags, first, out, n):
    """Append first + i for each flag i that is set. Eight flags (0 or 1) are drawn together into one byte, whose bits
    are then taken from the lowest on: the time grows with what is set, not with the branches on what is not."""
    whole = flags.shape[0] - flags.shape[0] % 8
    eights = flags[:whole].view(np.uint64)
    for k in range(eights.shape[0]):
        x = eights[k]
        if x == _0:
            continue
        x |= x >> _7
        x |= x >> _14
        x |= x >> _28
        code = np.int64(x & _255)
        while code:
            out[n] = first + 8 * k + np.int64(LOWEST[code])
            n += 1
            code &= code - 1
    for i in range(whole, flags.shape[0]):
        out[n] = first + i
        n += np.int64(flags[i])
    return n


@kernel
def order_by(score, n, room, order):
    """Write into order[:n] the places of score[:n] from smallest to largest (ties by place).

    As many bins as numbers between the least and the largest, then insertion: the time grows with n where the numbers
    are spread evenly, as draws are. room: Ints[n + 1].
    """
    low, high = np.inf, -np.inf
    for i in range(n):
        low = min(low, score[i])
        high = max(high, score[i])
        room[i] = 0
    room[n] = 0
    scale = (n - 1) / (high - low) if high > low else 0.0
    for i in range(n):
        room[np.int64((score[i] - low) * scale) + 1] += 1
    for b in range(n):
        room[b + 1] += room[b]
    for i in range(n):
        b = np.int64((score[i] - low) * scale)
        order[room[b]] = i
        room[b] += 1
    for k in range(1, n):
        i = order[k]
        j = k
        while j > 0 and score[order[j - 1]] > score[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@kernel
def smallest_first(score, n, k, order):
    """Write into order[:n] the places of score[:n] so that the k smallest stand first, in no order (quickselect)."""
    for i in range(n):
        order[i] = i
    low = 0
    high = n - 1
    while low < high:
        pivot = score[order[(low + high) // 2]]
        i = low
        j = high
        while i <= j:
            while score[order[i]] < pivot:
                i += 1
            while score[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return
