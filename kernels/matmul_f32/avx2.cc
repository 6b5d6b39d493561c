#include <immintrin.h>

#include "../store_avx2.h"
#include "../unroll.h"
#include "matmul_f32.h"

namespace sinter {
namespace {

constexpr int32_t kMr = 6, kNr = 16;

// A stretch of `depth` of the sum over k for up to 6 rows and 16 columns, added to y where it is not the first.
struct Stretch {
  const float *a, *b;
  float* y;
  ptrdiff_t a_row, a_depth, b_depth, y_row;
  int32_t depth, columns;
  bool first;
};

// The first n of eight floats, the others 0; none if n <= 0.
__m256 load_first(const float* x, int32_t n) {
  if (n >= 8) return _mm256_loadu_ps(x);
  alignas(32) float all[8] = {};
  for (int32_t i = 0; i < n; ++i) all[i] = x[i];
  return _mm256_load_ps(all);
}

template <int kRowCount, bool kWhole>
void multiply(const Stretch& s) {
  __m256 acc[kRowCount][2];
  SINTER_UNROLL
  for (int r = 0; r < kRowCount; ++r) {
    const float* y = s.y + r * s.y_row;
    acc[r][0] = s.first ? _mm256_setzero_ps() : load_first(y, s.columns);
    acc[r][1] = s.first ? _mm256_setzero_ps() : load_first(y + (s.columns > 8 ? 8 : 0), s.columns - 8);
  }
  const float *a = s.a, *b = s.b;
  for (int32_t i = 0; i < s.depth; ++i, a += s.a_depth, b += s.b_depth) {
    const __m256 left = kWhole ? _mm256_loadu_ps(b) : load_first(b, s.columns);
    const __m256 right = kWhole ? _mm256_loadu_ps(b + 8) : load_first(b + (s.columns > 8 ? 8 : 0), s.columns - 8);
    SINTER_UNROLL
    for (int r = 0; r < kRowCount; ++r) {
      const __m256 value = _mm256_broadcast_ss(a + r * s.a_row);
      acc[r][0] = _mm256_fmadd_ps(value, left, acc[r][0]);
      acc[r][1] = _mm256_fmadd_ps(value, right, acc[r][1]);
    }
  }
  SINTER_UNROLL
  for (int r = 0; r < kRowCount; ++r) {
    float* y = s.y + r * s.y_row;
    store_first(y, acc[r][0], s.columns);
    store_first(y + (s.columns > 8 ? 8 : 0), acc[r][1], s.columns - 8);
  }
}

template <bool kWhole>
void multiply_rows(const Stretch& s, int32_t rows) {
  switch (rows) {
    case 1:
      return multiply<1, kWhole>(s);
    case 2:
      return multiply<2, kWhole>(s);
    case 3:
      return multiply<3, kWhole>(s);
    case 4:
      return multiply<4, kWhole>(s);
    case 5:
      return multiply<5, kWhole>(s);
    default:
      return multiply<6, kWhole>(s);
  }
}

}  // namespace

extern "C" Status matmul_f32_6x16__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const MatmulF32Params& p = *static_cast<const MatmulF32Params*>(params);
  const bool gathers = p.b_column != 1 && p.n > 1;
  float* gathered = static_cast<float*>(scratch);
  const int32_t block = gathers ? kDepthBlock : p.k;
  for (int32_t index = begin; index < end; ++index) {
    const MatmulTile tile = matmul_tile(p, index);
    for (int32_t column = 0; column < tile.columns; column += kNr) {
      const int32_t columns = tile.columns - column < kNr ? tile.columns - column : kNr;
      const float* b = static_cast<const float*>(operands[1]) + tile.b + ptrdiff_t{column} * p.b_column;
      for (int32_t depth = 0; depth < p.k; depth += block) {
        Stretch s;
        s.depth = p.k - depth < block ? p.k - depth : block;
        s.b = b + ptrdiff_t{depth} * p.b_depth;
        s.b_depth = p.b_depth;
        if (gathers) {
          for (int32_t j = 0; j < kNr; ++j) {
            const float* from = s.b + ptrdiff_t{j < columns ? j : 0} * p.b_column;
            for (int32_t i = 0; i < s.depth; ++i) gathered[i * kNr + j] = from[i * ptrdiff_t{p.b_depth}];
          }
          s.b = gathered;
          s.b_depth = kNr;
        }
        s.a_row = p.a_row;
        s.a_depth = p.a_depth;
        s.y_row = p.n;
        s.columns = columns;
        s.first = depth == 0;
        for (int32_t row = 0; row < tile.rows; row += kMr) {
          s.a = static_cast<const float*>(operands[0]) + tile.a + ptrdiff_t{row} * p.a_row + ptrdiff_t{depth} * p.a_depth;
          s.y = static_cast<float*>(operands[2]) + tile.y + ptrdiff_t{row} * p.n + column;
          const int32_t rows = tile.rows - row < kMr ? tile.rows - row : kMr;
          if (gathers || columns == kNr) {
            multiply_rows<true>(s, rows);
          } else {
            multiply_rows<false>(s, rows);
          }
        }
      }
    }
  }
  return kOk;
}

}  // namespace sinter
