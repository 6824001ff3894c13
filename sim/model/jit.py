"""How kernels are compiled.

`kernel` compiles without numba's reference counting: kernels never allocate, they write into the columns and the
scratch room they are given. That makes compiling several times faster (a world is some two hundred arrays, each of
which would be counted at every use) and keeps replications from touching shared counters.
"""

from typing import Any

import numba

FAST = {"contract"}  # fused multiply-add only; the order of operations stays as written

njit: Any = numba.njit  # typed loosely: numba's own hints do not know the option

kernel = njit(_nrt=False, error_model="numpy")
fast_kernel = njit(_nrt=False, fastmath=FAST, error_model="numpy")
inlined = njit(_nrt=False, error_model="numpy", forceinline=True)
fast_inlined = njit(_nrt=False, fastmath=FAST, error_model="numpy", forceinline=True)
summing = njit(_nrt=False, fastmath=FAST | {"reassoc"}, error_model="numpy")  # sums in any order: for reports only
entry = njit(_nrt=False, error_model="numpy", nogil=True, cache=True)  # what Python calls


@kernel
def order_by(score, n, order):
    """Write into order[:n] the places of score[:n] from smallest to largest (heapsort; ties by place)."""
    for i in range(n):
        order[i] = i
    start = n // 2
    end = n
    while end > 1:
        if start > 0:
            start -= 1
        else:
            end -= 1
            order[end], order[0] = order[0], order[end]
        root = start
        while 2 * root + 1 < end:
            child = 2 * root + 1
            if child + 1 < end:
                a, b = order[child], order[child + 1]
                if score[a] < score[b] or (score[a] == score[b] and a < b):
                    child += 1
            a, b = order[root], order[child]
            if score[a] < score[b] or (score[a] == score[b] and a < b):
                order[root], order[child] = b, a
                root = child
            else:
                break


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
