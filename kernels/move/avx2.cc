#include <immintrin.h>

#include "rows.h"

namespace sinter {
namespace {

__m128i load(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
void store(void* at, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(at), x); }

// 8 by 8 elements of 4 bytes; strides in elements.
void transpose(const uint32_t* in, ptrdiff_t in_step, uint32_t* out, ptrdiff_t out_row) {
  __m256 x[8], y[8];
  for (int i = 0; i < 8; ++i) x[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(in + i * in_step));
  for (int i = 0; i < 4; ++i) {
    y[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    y[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      x[4 * i + 2 * j] = _mm256_shuffle_ps(y[4 * i + j], y[4 * i + 2 + j], 0x44);
      x[4 * i + 2 * j + 1] = _mm256_shuffle_ps(y[4 * i + j], y[4 * i + 2 + j], 0xee);
    }
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(reinterpret_cast<float*>(out + i * out_row), _mm256_permute2f128_ps(x[i], x[i + 4], 0x20));
    _mm256_storeu_ps(reinterpret_cast<float*>(out + (i + 4) * out_row), _mm256_permute2f128_ps(x[i], x[i + 4], 0x31));
  }
}

// One round of merging: neighbours x[i] and x[i + 8] interleaved by elements of a byte; four rounds transpose 16 by 16.
void transpose(const uint8_t* in, ptrdiff_t in_step, uint8_t* out, ptrdiff_t out_row) {
  __m128i x[16], y[16];
  for (int i = 0; i < 16; ++i) x[i] = load(in + i * in_step);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      y[2 * i] = _mm_unpacklo_epi8(x[i], x[i + 8]);
      y[2 * i + 1] = _mm_unpackhi_epi8(x[i], x[i + 8]);
    }
    for (int i = 0; i < 16; ++i) x[i] = y[i];
  }
  for (int i = 0; i < 16; ++i) store(out + i * out_row, x[i]);
}

// 8 by 8 elements of 2 bytes, likewise in three rounds.
void transpose(const uint16_t* in, ptrdiff_t in_step, uint16_t* out, ptrdiff_t out_row) {
  __m128i x[8], y[8];
  for (int i = 0; i < 8; ++i) x[i] = load(in + i * in_step);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) {
      y[2 * i] = _mm_unpacklo_epi16(x[i], x[i + 4]);
      y[2 * i + 1] = _mm_unpackhi_epi16(x[i], x[i + 4]);
    }
    for (int i = 0; i < 8; ++i) x[i] = y[i];
  }
  for (int i = 0; i < 8; ++i) store(out + i * out_row, x[i]);
}

// Bytes of three planes side by side, as the colours of an image: pixel k / 3 of plane k % 3 at byte k.
struct Colours {
  alignas(16) int8_t from[3][3][16];  // by plane and by sixteen bytes of the output
  Colours() {
    for (int plane = 0; plane < 3; ++plane) {
      for (int k = 0; k < 48; ++k) from[plane][k / 16][k % 16] = static_cast<int8_t>(k % 3 == plane ? k / 3 : -1);
    }
  }
};

void interleave(const Colours& colours, const MoveBlock<uint8_t>& b) {
  const auto& from = colours.from;
  int32_t row = 0;
  for (; row + 16 <= b.rows; row += 16) {
    const __m128i x[3] = {load(b.in + row), load(b.in + row + b.in_step), load(b.in + row + 2 * b.in_step)};
    for (int part = 0; part < 3; ++part) {
      const __m128i first = _mm_or_si128(_mm_shuffle_epi8(x[0], load(from[0][part])), _mm_shuffle_epi8(x[1], load(from[1][part])));
      store(b.out + row * 3 + part * 16, _mm_or_si128(first, _mm_shuffle_epi8(x[2], load(from[2][part]))));
    }
  }
  MoveBlock<uint8_t> rest = b;
  rest.in += row;
  rest.out += row * 3;
  rest.rows -= row;
  move_transposed(rest);
}

// Full squares by vectors, what is left over by the portable way.
template <class T, int32_t kSide>
void move_squares(const MoveBlock<T>& b) {
  const int32_t rows = b.out_step == 1 ? b.rows / kSide * kSide : 0, count = b.count / kSide * kSide;
  if (rows == 0 || count == 0) {
    move_transposed(b);
    return;
  }
  for (int32_t column = 0; column < count; column += kSide) {
    for (int32_t row = 0; row < rows; row += kSide) {
      transpose(b.in + column * b.in_step + row, b.in_step, b.out + row * b.out_row + column, b.out_row);
    }
  }
  MoveBlock<T> right = b, below = b;
  right.in += count * b.in_step;
  right.out += count;
  right.count -= count;
  right.rows = rows;
  move_transposed(right);
  below.in += rows;
  below.out += rows * b.out_row;
  below.rows -= rows;
  move_transposed(below);
}

}  // namespace

extern "C" Status move__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const MoveParams& p = *static_cast<const MoveParams*>(params);
  switch (p.size) {
    case 1:
      if (p.shape[7] == 3 && p.out_stride[7] == 1 && p.out_stride[6] == 3) {
        const Colours colours;
        move_tiles<uint8_t>(p, operands, begin, end, [&](const MoveBlock<uint8_t>& block) { interleave(colours, block); });
      } else {
        move_tiles<uint8_t>(p, operands, begin, end, move_squares<uint8_t, 16>);
      }
      break;
    case 2:
      move_tiles<uint16_t>(p, operands, begin, end, move_squares<uint16_t, 8>);
      break;
    case 4:
      move_tiles<uint32_t>(p, operands, begin, end, move_squares<uint32_t, 8>);
      break;
    default:
      move_tiles<uint64_t>(p, operands, begin, end, [](const MoveBlock<uint64_t>& block) { move_transposed(block); });
  }
  return kOk;
}

}  // namespace sinter
