#include "matmul_f32.h"

namespace sinter {

extern "C" Status matmul_f32__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const MatmulF32Params& p = *static_cast<const MatmulF32Params*>(params);
  constexpr int32_t kBlock = 16;
  for (int32_t index = begin; index < end; ++index) {
    const MatmulTile tile = matmul_tile(p, index);
    for (int32_t row = 0; row < tile.rows; ++row) {
      const float* a = static_cast<const float*>(operands[0]) + tile.a + ptrdiff_t{row} * p.a_row;
      float* y = static_cast<float*>(operands[2]) + tile.y + ptrdiff_t{row} * p.n;
      for (int32_t first = 0; first < tile.columns; first += kBlock) {
        const float* b = static_cast<const float*>(operands[1]) + tile.b + ptrdiff_t{first} * p.b_column;
        const int32_t columns = tile.columns - first < kBlock ? tile.columns - first : kBlock;
        float acc[kBlock] = {};
        for (ptrdiff_t i = 0; i < p.k; ++i) {
          const float value = a[i * p.a_depth];
          const float* line = b + i * p.b_depth;
          if (columns == kBlock && p.b_column == 1) {
            for (int32_t j = 0; j < kBlock; ++j) acc[j] += value * line[j];
          } else {
            for (int32_t j = 0; j < columns; ++j) acc[j] += value * line[ptrdiff_t{j} * p.b_column];
          }
        }
        for (int32_t j = 0; j < columns; ++j) y[first + j] = acc[j];
      }
    }
  }
  return kOk;
}

}  // namespace sinter
