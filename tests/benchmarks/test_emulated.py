"""The benchmark on emulated processors: which loop it takes for a kernel's own, and what that loop is worth."""

from __future__ import annotations

from benchmarks.emulated import innermost, macs

LISTING = """
   0:\tmov\tx0, #0x0
   4:\tsdot\tv0.4s, v1.16b, v2.4b[0]
   8:\tb.ne\t4 <kernel+0x4>
   c:\tldr\tq1, [x1]
  10:\tsdot\tv0.4s, v1.16b, v2.4b[0]
  14:\tsdot\tv3.4s, v1.16b, v2.4b[1]
  18:\tcbnz\tx3, c <kernel+0xc>
  1c:\tbl\t0 <kernel>
  20:\tb.gt\t0 <kernel>
"""


def test_the_loop_with_most_products_and_no_branch_inside() -> None:
    body = innermost(LISTING)
    assert [line.split()[0] for line in body] == ["ldr", "sdot", "sdot"]
    assert macs(body) == 32
    assert innermost("   0:\tret\n") == []
