// SINTER_VECTORIZE before a loop: its iterations do not depend on each other, though the output may lie where an input does.
#pragma once

#if defined(__clang__)
// Where the core has no vectors, or the body cannot use them, the loop stays as it is.
#pragma clang diagnostic ignored "-Wpass-failed"
#define SINTER_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#else
#define SINTER_VECTORIZE _Pragma("GCC ivdep")
#endif
