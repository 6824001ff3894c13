"""Random numbers that are addressed, not consumed.

Every draw is a pure function of (seed, replication, entity, quarter, purpose): Philox 4x32-10 (Salmon, Moraes, Dror and
Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11) encrypts the address (entity index, entity cohort, quarter,
purpose) under the key (seed, replication). Nothing is stored between draws, so a change of policy, of the number of
threads or of the order of firms leaves every other draw as it was.

The polynomials for log and exp are our own because calls to libm do not vectorise. Where amounts come of them their
errors are below 1e-12 relative. Where they turn a 32-bit word into a shock 32 bits are enough for them too, and nothing
is fused there, so that every processor draws the same shock. Both are asserted in tests/test_model.py.

Not modelled: antithetic or quasi-random addressing.
"""

from enum import IntEnum

import numpy as np

from sim.model.jit import fast_inlined, fast_kernel, inlined, kernel


class Purpose(IntEnum):
    """What a draw decides. A number, once given, is never reused: it is part of the address. Where there are many of a
    kind (levels, programmes, classes of funds), `purpose_of` puts the address of one beside it: a hash of its id, so
    that one more of them leaves the draws of all others alone."""

    FIRM_QUARTER = 1  # two quarters a block: words 0 growth shock and 1 exit of the even one, 2 and 3 of the odd one
    ENTRY_COUNT = 2
    TRAITS = 3
    TRAITS_MORE = 4
    INITIAL = 5
    MARKET = 6
    VENTURE_QUARTER = 7  # words 0 value shock, 1 place in the order of rounds, 2 ways out, 3 outside lead
    ROUND_TERMS = 8  # words 0 price asked, 1 dilution, 2 who joins
    ROUND_MEETING = 10  # + meeting number, up to 16
    ROUND_TERMS_MORE = 27
    EXIT = 28
    FUND_PROPOSAL = 30
    FUND_PROPOSAL_MORE = 31
    FUND_OUTSIDE = 32
    FUND_PARK = 33
    ATTRACTION = 34
    PARAMETER = 35
    RD_DRIFT = 36
    REDEMPTION = 37
    CLASS_TERMS = 39  # the quarter is the number of the class
    CLASS_TERMS_MORE = 40  # words 0 who is paid last, 1 how long the money lasts, 2 the step-up waited for next
    LADDER = 64  # of a level
    LADDER_INITIAL = 96  # of a level
    NOVELTY = 128
    PROGRAMME = 160  # of a programme: whether a firm asks to take part in a quarter
    PROGRAMME_ADOPTER = 176  # of a programme: how well it does, what it costs, whether it is of use to the firm
    INCUBATOR = 192  # + source of applicants, up to 32: how many apply
    INCUBATOR_INITIAL = 224  # + kind of tenant, up to 16: how long the tenants of the start have been there
    TENANT = 240  # whether a tenant seeks equity finance
    OPENS_CAPITAL = 241  # whether a firm on its way to a listing takes investors in
    VALUE_BEFORE = 242  # how a venture's value moved in the years before the start: a word a year


ADDRESS_BITS = 24


@inlined
def purpose_of(purpose, address):
    """A purpose of one of many things, told apart by their addresses (below 2**24)."""
    return (np.int64(purpose) << np.int64(ADDRESS_BITS)) + np.int64(address)


_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_SCALE = 2.0**-32


@inlined
def _round(c0, c1, c2, c3, k0, k1):
    """The upper halves of products are cut where a word is multiplied (which costs nothing: the instruction reads the
    lower half) and after the last round."""
    p0 = _M0 * (c0 & _LOW)
    p1 = _M1 * (c2 & _LOW)
    return (p1 >> _32) ^ c1 ^ k0, p1, (p0 >> _32) ^ c3 ^ k1, p0


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Four 32-bit words (as uint64) for the counter c0..c3 under the key k0, k1 (all uint64 below 2**32).

    The ten rounds are written out because a loop here keeps LLVM from vectorising the loop over firms.
    """
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return c0 & _LOW, c1 & _LOW, c2 & _LOW, c3 & _LOW


@inlined
def unit(word):
    """A 32-bit word as a number strictly between 0 and 1."""
    return (np.float64(np.int64(word)) + 0.5) * _SCALE


@kernel
def words(key, index, cohort, quarter, purpose):
    """Four words for one address. key: uint64[2]; the rest integers >= 0 below 2**32."""
    return philox(
        np.uint64(index),
        np.uint64(cohort),
        np.uint64(quarter),
        np.uint64(purpose),
        np.uint64(key[0]),
        np.uint64(key[1]),
    )


@kernel
def uniform(key, index, cohort, quarter, purpose):
    """One uniform number strictly between 0 and 1 for one address."""
    return unit(words(key, index, cohort, quarter, purpose)[0])


@kernel
def uniforms(key, index, cohort, quarter, purpose):
    """Four independent uniform numbers for one address."""
    a, b, c, d = words(key, index, cohort, quarter, purpose)
    return unit(a), unit(b), unit(c), unit(d)


@kernel
def number_words(key, first, cohort, quarter, purpose, word0, word1, word2, word3):
    """Four words (uint32[n] each) for the n entities first, first + 1 ... of one cohort."""
    k0 = np.uint64(key[0])
    k1 = np.uint64(key[1])
    for i in range(word0.shape[0]):
        a, b, c, d = philox(np.uint64(first + i), np.uint64(cohort), np.uint64(quarter), np.uint64(purpose), k0, k1)
        word0[i] = np.uint32(a)
        word1[i] = np.uint32(b)
        word2[i] = np.uint32(c)
        word3[i] = np.uint32(d)


@kernel
def address_words(key, index, cohort, quarter, purpose, word0, word1, word2, word3):
    """Four words (uint32 columns) for each of the entities of the columns index and cohort. All four are stored even
    where one is used: a loop that stores one takes nearly twice the time."""
    k0 = np.uint64(key[0])
    k1 = np.uint64(key[1])
    q = np.uint64(quarter)
    p = np.uint64(purpose)
    for i in range(word0.shape[0]):
        a, b, c, d = philox(np.uint64(index[i]), np.uint64(cohort[i]), q, p, k0, k1)
        word0[i] = np.uint32(a)
        word1[i] = np.uint32(b)
        word2[i] = np.uint32(c)
        word3[i] = np.uint32(d)


@kernel
def pick_words(column, places, out):
    """out = column[places]."""
    for i in range(places.shape[0]):
        out[i] = column[places[i]]


@kernel
def to_units(word, out):
    """Words as numbers strictly between 0 and 1."""
    for i in range(out.shape[0]):
        out[i] = unit(word[i])


@kernel
def uniforms_at(key, entities, places, n, quarter, purpose, which, scratch, out):
    """out[:n] = uniform number `which` (0..3) of the entities (with columns index and cohort) that stand at places[:n]:
    what `uniforms` gives one by one, drawn tile by tile. scratch: room for addresses and words of a tile."""
    tile = scratch.word0.shape[0]
    for a in range(0, n, tile):
        b = min(a + tile, n)
        m = b - a
        index, cohort = scratch.index[:m], scratch.cohort[:m]
        pick_words(entities.index, places[a:b], index)
        pick_words(entities.cohort, places[a:b], cohort)
        w0, w1, w2, w3 = scratch.word0[:m], scratch.word1[:m], scratch.word2[:m], scratch.word3[:m]
        address_words(key, index, cohort, quarter, purpose, w0, w1, w2, w3)
        to_units(w0 if which == 0 else w1 if which == 1 else w2 if which == 2 else w3, out[a:b])


_LN2_HI = 6.93147180369123816490e-01
_LN2_LO = 1.90821492927058770002e-10
_HALF_SQRT2_BITS = np.int64(0x3FE6A09E667F3BCD)
_52 = np.int64(52)
_1023 = np.int64(1023)


@fast_inlined
def log_inlined(x):
    """Natural logarithm of a positive normal float64, by atanh series; error below 1e-12."""
    bits = np.float64(x).view(np.int64)
    k = (bits - _HALF_SQRT2_BITS) >> _52
    e = np.float64(k)
    m = np.int64(bits - (k << _52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 0.13333333333333333 * z + 0.15384615384615385
    p = (
        (((((p * z + 0.18181818181818182) * z + 0.2222222222222222) * z + 0.2857142857142857) * z + 0.4) * z)
        + 0.6666666666666666
    ) * z
    return e * _LN2_HI + (s * p + 2.0 * s + e * _LN2_LO)


_LOG2E = 1.4426950408889634
_SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding and subtracting it rounds to the nearest integer


@fast_inlined
def exp_inlined(x):
    """Exponential for |x| below 700 (clipped there), by reduction and a Taylor polynomial; error below 1e-13
    relative."""
    x = min(max(x, -700.0), 700.0)
    t = x * _LOG2E + _SHIFT
    n = t - _SHIFT
    r = (x - n * _LN2_HI) - n * _LN2_LO
    p = 2.505210838544172e-08 * r + 2.755731922398589e-07
    p = (
        (((p * r + 2.7557319223985893e-06) * r + 2.48015873015873e-05) * r + 0.0001984126984126984) * r
        + 0.001388888888888889
    ) * r
    p = ((((p + 0.008333333333333333) * r + 0.041666666666666664) * r + 0.16666666666666666) * r + 0.5) * r
    p = (p + 1.0) * r + 1.0
    scale = (np.float64(t).view(np.int64) + _1023) << _52  # n stands in the low bits of t, whose others are shifted out
    return p * np.int64(scale).view(np.float64)


@fast_inlined
def exp_short(x):
    """Exponential for |x| below 700 (clipped there) by a polynomial half as long: error below 3e-9 relative, 1 at 0.
    For passes over all firms, whose revenue and odds need no more; amounts in the accounts come from `exp`."""
    x = min(max(x, -700.0), 700.0)
    t = x * _LOG2E + _SHIFT
    n = t - _SHIFT
    r = (x - n * _LN2_HI) - n * _LN2_LO
    p = ((0.0014061240979755779 * r + 0.008379011170184612) * r + 0.04166477728839876) * r
    p = ((p + 0.1666636544118723) * r + 0.5000000434377331) * r
    p = (p + 1.0000000496404013) * r + 1.0
    scale = (np.float64(t).view(np.int64) + _1023) << _52
    return p * np.int64(scale).view(np.float64)


@fast_kernel
def log(x):
    """log_inlined as an ordinary call, for code that is not a pass over columns."""
    return log_inlined(x)


@fast_kernel
def exp(x):
    """exp_inlined as an ordinary call."""
    return exp_inlined(x)


# Shocks in 32 bits: a word u becomes its distance t = min(u, 2^32 - 1 - u) from the nearer end, whose logarithm is as
# exact far out in the tail as in the middle. Cephes' polynomial for log(1 + r) (Moshier, logf) has an error below 1e-7.

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_LN2 = np.float32(0.6931471805599453)
_HALF_SQRT2_BITS_32 = np.int32(0x3F3504F3)
_23, _31 = np.int32(23), np.int32(31)
_L0, _L1, _L2 = np.float32(7.0376836292e-2), np.float32(-1.1514610310e-1), np.float32(1.1676998740e-1)
_L3, _L4, _L5 = np.float32(-1.2420140846e-1), np.float32(1.4249322787e-1), np.float32(-1.6668057665e-1)
_L6, _L7, _L8 = np.float32(2.0000714765e-1), np.float32(-2.4999993993e-1), np.float32(3.3333331174e-1)


@inlined
def _distance(word):
    """(the word as int32: negative for the upper half of the words; its distance from the nearer end)."""
    w = np.uint32(word).view(np.int32)
    return w, np.int32(w ^ np.int32(w >> _31))


@inlined
def _log_tail(distance, doublings):
    """log((distance + 1/2) / 2**doublings), float32."""
    bits = np.float32(np.float32(distance) + _HALF).view(np.int32)
    k = np.int32(np.int32(bits - _HALF_SQRT2_BITS_32) >> _23)
    r = np.float32(np.int32(bits - np.int32(k << _23)).view(np.float32) - _ONE)
    z = r * r
    p = ((((_L0 * r + _L1) * r + _L2) * r + _L3) * r + _L4) * r + _L5
    p = ((p * r + _L6) * r + _L7) * r + _L8
    return (r + (p * r * z - _HALF * z)) + np.float32(np.int32(k - doublings)) * _LN2


@inlined
def laplace(word):
    """Standard Laplace variate (density exp(-|x|)/2, variance 2) from a word by its inverse distribution, float32."""
    w, distance = _distance(word)
    size = _log_tail(distance, _31)
    return size if w >= 0 else -size


@kernel
def draw_laplace(word, out):
    """out (float32) = a standard Laplace variate from each word (uint32)."""
    for i in range(word.shape[0]):
        out[i] = laplace(word[i])


@fast_inlined
def _normal_centre(q):
    r = 0.180625 - q * q
    num = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
    den = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0
    return q * num / den


@fast_inlined
def _normal_tail(r):
    r = r - 1.6
    num = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
    den = (0.12021132975 * r + 0.73700164250) * r + 1.0
    return num / den


_32I = np.int32(32)
_SCALE_32 = np.float32(2.0**-32)
_SPLIT, _CENTRE, _TAIL = np.float32(0.425), np.float32(0.180625), np.float32(1.6)
_A0, _A1, _A2, _A3 = (
    np.float32(3.3871327179),
    np.float32(50.434271938),
    np.float32(159.29113202),
    np.float32(59.109374720),
)
_B1, _B2, _B3 = np.float32(17.895169469), np.float32(78.757757664), np.float32(67.187563600)
_C0, _C1, _C2, _C3 = (
    np.float32(1.4234372777),
    np.float32(2.7568153900),
    np.float32(1.3067284816),
    np.float32(0.17023821103),
)
_D1, _D2 = np.float32(0.73700164250), np.float32(0.12021132975)


@inlined
def _normal_of_word(word):
    """Standard normal variate from a word, float32, without a branch: `normal` with the logarithm of 32 bits."""
    w, distance = _distance(word)
    q = np.float32(w) * _SCALE_32
    q = q - _HALF if w >= 0 else q + _HALF
    r = _CENTRE - q * q
    centre = q * (((_A3 * r + _A2) * r + _A1) * r + _A0) / (((_B3 * r + _B2) * r + _B1) * r + _ONE)
    s = np.float32(np.sqrt(-_log_tail(distance, _32I))) - _TAIL
    tail = (((_C3 * s + _C2) * s + _C1) * s + _C0) / ((_D2 * s + _D1) * s + _ONE)
    return centre if abs(q) <= _SPLIT else (-tail if q < np.float32(0.0) else tail)


@kernel
def draw_normals(word, out):
    """out (float32) = a standard normal variate from each word (uint32)."""
    for i in range(word.shape[0]):
        out[i] = _normal_of_word(word[i])


@fast_kernel
def normal(u):
    """Standard normal variate from a 32-bit uniform u: Wichura's algorithm AS 241 (PPND7), absolute error below 1e-6.
    Its third range (u below exp(-25)) is out of a 32-bit uniform's reach."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return _normal_centre(q)
    tail = _normal_tail(np.sqrt(-log(min(u, 1.0 - u))))
    return -tail if q < 0.0 else tail


@fast_kernel
def logistic(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


@fast_kernel
def poisson(u, mean):
    """Poisson count with the given mean from one uniform: by inversion below 30, else the rounded normal with a
    third-moment (Cornish-Fisher) term, whose error in any quantile is below one count."""
    if mean <= 0.0:
        return 0
    if mean < 30.0:
        p = np.exp(-mean)
        total = p
        k = 0
        while u > total and k < 1000:
            k += 1
            p *= mean / k
            total += p
        return k
    z = normal(u)
    x = mean + np.sqrt(mean) * z + (z * z - 1.0) / 6.0
    return max(0, int(np.floor(x + 0.5)))


def key_of(seed: int, replication: int) -> np.ndarray:
    """The Philox key (uint64[2], each below 2**32) of one replication under one seed (0 <= seed < 2**63).

    Replications of one seed never share a key; seeds are spread by SplitMix64's finaliser (Steele et al. 2014).
    """
    z = (seed + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    z ^= z >> 31
    return np.array([z & 0xFFFFFFFF, ((z >> 32) + replication) & 0xFFFFFFFF], dtype=np.uint64)
