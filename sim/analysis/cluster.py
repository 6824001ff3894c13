"""The same blocks on somebody's Dask cluster: `--cluster tcp://scheduler:8786` (optional extra `cluster`).

A block's numbers depend on its samples and the seed alone, so where and in which order blocks are evaluated changes
no bit of a result. A worker that dies costs the blocks it held: Dask gives them to another. The journal is written
here, by the program that asked, so that whatever happens to the cluster, what came back is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import queue
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, program_digest, refuse
from sim.analysis.work import Block, Done, Executor, InProcess
from sim.errors import RunError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from distributed import Client, Future

STARTS = 3
REACH_SECONDS = 10  # to find the scheduler
ALONE_SECONDS = 60  # without a worker, or without the scheduler, before the work is given up
LOOK_SECONDS = 1.0
RETRIES = 3  # of a task that raises, as when a node's disk or memory fails it
KEEP_GOING = "what was finished is in the journal; --resume goes on from there"


def executor_for(cluster: str | None, threads: int | None = None) -> AbstractContextManager[Executor]:
    """Threads of this program, or the cluster at an address."""
    return nullcontext(InProcess(threads)) if cluster is None else connected(cluster)


@contextmanager
def connected(address: str, alone_seconds: float | None = None) -> Iterator[Executor]:
    """A client of the scheduler at `address`, refused where nobody answers or the workers run another program."""
    try:
        from distributed import Client
    except ImportError:
        raise refuse(
            "--cluster needs dask.distributed, which is not installed",
            found=address,
            expected="pip install 'dask[distributed]'",
        ) from None
    _quiet()
    try:
        client = _client(Client, address)
    except (OSError, ValueError) as error:  # a time-out is an OSError; a malformed address a ValueError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise refuse("no Dask scheduler answers", key="--cluster", found=f"{address} ({reason})") from None
    try:
        _same_program(client, address)
        yield Cluster(client, address, ALONE_SECONDS if alone_seconds is None else alone_seconds)
    finally:
        client.close(timeout=2)


def _client(kind: type[Client], address: str) -> Client:
    """distributed gives the thread of its event loop ten seconds to start and asserts that it did: on a machine that is
    busy with other work that is tried again."""
    for _ in range(STARTS - 1):
        try:
            return kind(address, timeout=REACH_SECONDS, set_as_default=False)
        except AssertionError:
            continue
    return kind(address, timeout=REACH_SECONDS, set_as_default=False)


class Cluster:
    """An Executor: keeps every worker thread supplied with a task or two, and no more, so that memory stays flat."""

    def __init__(self, client: Client, address: str, alone_seconds: float) -> None:
        self.client, self.address, self.alone_seconds = client, address, alone_seconds

    def __call__(self, model: Model, blocks: Iterable[Block], replications: int, seed: int) -> Iterator[Done]:
        packed = pickle.dumps(model)
        key = hashlib.sha256(packed).hexdigest()[:16]
        waiting = iter(blocks)
        running: dict[Future, Block] = {}
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        seen = time.monotonic()
        try:
            while True:
                seats = self._seats()
                if seats:
                    seen = time.monotonic()
                while len(running) < 2 * seats and (block := next(waiting, None)) is not None:
                    future = self._submit(block, packed, key, replications, seed)
                    future.add_done_callback(done.put)
                    running[future] = block
                if not running and seats:
                    return
                finished = [future for future in running if future.status in ("finished", "error", "cancelled", "lost")]
                for future in finished:
                    yield self._result(future, running.pop(future))
                if not finished:
                    if time.monotonic() - seen > self.alone_seconds:
                        raise RunError(f"the cluster at {self.address} has no worker left; {KEEP_GOING}")
                    with contextlib.suppress(queue.Empty):
                        done.get(timeout=LOOK_SECONDS)
        finally:
            for future in running:
                future.release()

    def _submit(self, block: Block, packed: bytes, key: str, replications: int, seed: int) -> Future:
        return self.client.submit(
            evaluate_packed,
            packed,
            key,
            block.samples,
            replications,
            seed,
            key=f"headwater-{key}-{seed}-{block.number}-{time.time_ns()}",
            pure=False,
            retries=RETRIES,
        )

    def _seats(self) -> int:
        """Worker threads now; 0 where the scheduler cannot be asked."""
        if self.client.status != "running":
            return 0
        try:
            threads: Any = self.client.nthreads()
            return sum(threads.values())
        except (OSError, ValueError, RuntimeError):
            return 0

    def _result(self, future: Future, block: Block) -> Done:
        from distributed import KilledWorker

        try:
            if future.status in ("cancelled", "lost"):
                raise RunError(f"the cluster at {self.address} dropped block {block.number}; {KEEP_GOING}")
            return block.number, np.asarray(future.result(timeout=self.alone_seconds))
        except (KilledWorker, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise RunError(
                f"the cluster at {self.address} failed on block {block.number} ({reason}); {KEEP_GOING}"
            ) from error


def evaluate_packed(
    packed: bytes, key: str, samples: dict[str, np.ndarray], replications: int, seed: int
) -> np.ndarray:
    """Runs on a worker. A Dask worker thread is one core, so the simulator uses one thread."""
    return _unpacked(packed, key).evaluate(samples, replications, seed, 1)


_models: dict[str, Model] = {}


def _unpacked(packed: bytes, key: str) -> Model:
    """The model of a key is unpacked once a worker, not once a block."""
    if key not in _models:
        _models.clear()
        _models[key] = pickle.loads(packed)
    return _models[key]


def _worker_program() -> str:
    return program_digest()


def _same_program(client: Client, address: str) -> None:
    """Workers import their own copy of this program: another version there would mix numbers."""
    try:
        client.wait_for_workers(1, timeout=REACH_SECONDS)
        theirs: Any = client.run(_worker_program)
    except TimeoutError:
        raise refuse("the scheduler has no workers", key="--cluster", found=address, expected="dask worker …") from None
    except ModuleNotFoundError as error:
        raise refuse(
            "the workers cannot import this program",
            key="--cluster",
            found=str(error),
            expected="PYTHONPATH to this tree",
        ) from None
    ours = program_digest()
    other = {worker: digest for worker, digest in theirs.items() if digest != ours}
    if other:
        worker, digest = next(iter(other.items()))
        raise refuse("a worker runs another version", key="--cluster", found=f"{digest} on {worker}", expected=ours)


@lru_cache(maxsize=1)
def _quiet() -> None:
    """Dask tells of every lost connection with a traceback; the messages here say what it means."""
    import logging

    for name in ("distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
