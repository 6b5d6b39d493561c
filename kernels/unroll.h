// SINTER_UNROLL before a loop of a constant few rounds: an array of vectors stays in registers only where all its indices are
// constants.
#pragma once

#if defined(__clang__)
#define SINTER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SINTER_UNROLL _Pragma("GCC unroll 16")
#endif
