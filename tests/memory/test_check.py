"""What the checker accepts and what it refuses, as tables of literals."""

from __future__ import annotations

import pytest

from toolchain.memory.check import PlacementError, check
from toolchain.memory.problem import Buffer, Placement, Problem

A = Buffer("a", 8, 0, 2)
B = Buffer("b", 8, 2, 4)
TAKES_OVER = Buffer("b", 8, 2, 4, alias=0)


def placement(offsets: tuple[int, ...], peak: int, bound: int = 0) -> Placement:
    return Placement(offsets, peak, bound, optimal=False, seconds=0.0)


@pytest.mark.parametrize(
    ("buffers", "offsets", "peak"),
    [
        ((), (), 0),
        ((A,), (0,), 8),
        ((A,), (5,), 13),
        ((A, B), (0, 8), 16),
        ((A, B), (8, 0), 16),
        ((A, Buffer("b", 8, 3, 4)), (0, 0), 8),
        ((A, Buffer("b", 8, 3, 4)), (0, 4), 12),
        ((A, TAKES_OVER), (0, 0), 8),
        ((Buffer("b", 8, 2, 4, alias=1), A), (0, 0), 8),
        ((A, Buffer("b", 4, 2, 4, alias=0)), (4, 4), 12),
        ((A, Buffer("b", 0, 0, 9)), (0, 3), 8),
        ((Buffer("a", 3, 0, 1, align=4), Buffer("b", 1, 0, 1)), (4, 3), 7),
    ],
)
def test_accepts(buffers: tuple[Buffer, ...], offsets: tuple[int, ...], peak: int) -> None:
    check(Problem(buffers), placement(offsets, peak))


@pytest.mark.parametrize(
    ("buffers", "offsets", "peak", "message"),
    [
        ((A,), (), 8, "0 offsets, expected one for each of 1 buffers"),
        ((A,), (0, 0), 8, "2 offsets, expected one for each of 1 buffers"),
        ((A,), (-8,), 0, "'a' lies at -8, expected a multiple of 1 from 0 on"),
        ((Buffer("a", 8, 0, 1, align=16),), (8,), 16, "'a' lies at 8, expected a multiple of 16"),
        ((A,), (1,), 8, "'a' lies at 1 to 9, beyond the peak of 8 bytes"),
        ((A,), (0,), 9, "stated as 9 bytes, but the buffers end at 8"),
        ((), (), 1, "stated as 1 bytes, but the buffers end at 0"),
        ((A, B), (0, 0), 8, "'a' at 0 and 'b' at 0 share bytes 0 to 8 in steps 2 to 2"),
        ((A, B), (0, 7), 15, "'a' at 0 and 'b' at 7 share bytes 7 to 8 in steps 2 to 2"),
        ((A, B), (4, 0), 12, "'a' at 4 and 'b' at 0 share bytes 4 to 8"),
        ((A, Buffer("b", 1, 1, 1)), (0, 4), 8, "'a' at 0 and 'b' at 4 share bytes 4 to 5 in steps 1 to 1"),
        ((A, TAKES_OVER), (0, 4), 12, "'a' at 0 and 'b' at 4"),
        ((A, Buffer("b", 8, 1, 4, alias=0)), (0, 0), 8, "'a' at 0 and 'b' at 0 share bytes 0 to 8 in steps 1 to 2"),
        ((Buffer("a", 8, 0, 3), TAKES_OVER), (0, 0), 8, "'a' at 0 and 'b' at 0 share bytes 0 to 8 in steps 2 to 3"),
        ((A, TAKES_OVER, Buffer("c", 8, 2, 4, alias=0)), (0, 0, 0), 8, "'b' at 0 and 'c' at 0"),
        ((A, Buffer("b", 8, 2, 2, alias=0), Buffer("c", 8, 2, 4, alias=1)), (0, 0, 0), 8, "'a' at 0 and 'c' at 0"),
        ((Buffer("a", 8, 0, 2, alias=1), B), (0, 0), 8, "'a' at 0 and 'b' at 0"),
    ],
)
def test_refuses(buffers: tuple[Buffer, ...], offsets: tuple[int, ...], peak: int, message: str) -> None:
    with pytest.raises(PlacementError) as error:
        check(Problem(buffers), placement(offsets, peak))
    assert message in str(error.value)


def test_refuses_a_peak_below_its_bound() -> None:
    with pytest.raises(PlacementError, match="peak of 8 bytes is below its lower bound of 9"):
        check(Problem((A,)), placement((0,), 8, 9))


@pytest.mark.parametrize(
    ("buffer", "message"),
    [
        (Buffer("x", -1, 0, 0), "buffer 1 'x' has size -1"),
        (Buffer("x", 1, 3, 2), "first step 3 after its last step 2"),
        (Buffer("x", 1, 0, 0, align=0), "alignment 0"),
        (Buffer("x", 1, 0, 0, alias=1), "alias 1, expected the index of another of the 2 buffers"),
        (Buffer("x", 1, 0, 0, alias=2), "alias 2"),
        (Buffer("x", 1, 0, 0, alias=-1), "alias -1"),
    ],
)
def test_problems_that_make_no_sense(buffer: Buffer, message: str) -> None:
    with pytest.raises(ValueError, match=r"^buffer") as error:
        Problem((A, buffer))
    assert message in str(error.value)


def test_a_negative_limit_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="limit is -1"):
        Problem((), -1)
