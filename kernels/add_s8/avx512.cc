#include "../requantize_avx512.h"
#include "certain.h"

namespace sinter {
namespace {

struct Sum {
  const AddS8Params& p;
  CertainSum certain;
  Int8Range512 range;
  __m512i window;
};

// Sixteen sums with 16 fractional bits, of bytes a and b each at the head of a word.
__m512i add_words(const CertainSum& certain, __m512i words) {
  const __m512i high = _mm512_dpwssd_epi32(_mm512_set1_epi32(certain.constant), words, _mm512_set1_epi32(certain.high));
  const __m512i offset = _mm512_xor_si512(words, _mm512_set1_epi8(-128));
  const __m512i all = _mm512_dpbusd_epi32(high, offset, _mm512_set1_epi32(certain.low));
  return _mm512_srav_epi32(all, _mm512_set1_epi32(certain.shift));
}

// Elements 4i to 4i + 3 of each quarter are in vector i.
__attribute__((noinline, cold)) __m512i add_settled(const Sum& sum, __m512i a, __m512i b, __m512i p, __m512i q, __m512i r,
                                                    __m512i s) {
  alignas(64) int8_t left[64], right[64], y[64];
  _mm512_store_si512(left, a);
  _mm512_store_si512(right, b);
  _mm512_store_si512(y, pack_quarters(sum.range, {p, q, r, s}));
  settle_doubtful({p, q, r, s}, sum.window, [&](int i, int lane) {
    const int at = lane / 4 * 16 + i * 4 + lane % 4;
    y[at] = add(sum.p, left[at], right[at]);
  });
  return _mm512_load_si512(y);
}

__m512i add(const Sum& sum, __m512i a, __m512i b) {
  const __m512i low = _mm512_unpacklo_epi8(a, b), high = _mm512_unpackhi_epi8(a, b), zero = _mm512_setzero_si512();
  const Words512 w = {
      add_words(sum.certain, _mm512_unpacklo_epi8(zero, low)), add_words(sum.certain, _mm512_unpackhi_epi8(zero, low)),
      add_words(sum.certain, _mm512_unpacklo_epi8(zero, high)), add_words(sum.certain, _mm512_unpackhi_epi8(zero, high))};
  return any_doubtful(w, sum.window) ? add_settled(sum, a, b, w.p, w.q, w.r, w.s) : pack_quarters(sum.range, w);
}

// The low digits as bytes to be multiplied with those of 256 * (a + 128).
CertainSum with_offset(CertainSum sum) {
  sum.constant -= 128 * (static_cast<int16_t>(sum.low) + (sum.low >> 16));
  sum.low = static_cast<int32_t>(static_cast<uint32_t>(sum.low) << 8 & 0xff00ff00);
  return sum;
}

}  // namespace

extern "C" Status add_s8__avx512(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const AddS8Params& p = *static_cast<const AddS8Params*>(params);
  const int8_t* a = static_cast<const int8_t*>(operands[0]);
  const int8_t* b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  const CertainSum certain = with_offset(certain_sum(p));
  const __m512i window = _mm512_set1_epi16(static_cast<int16_t>(certain.window));
  const Sum sum = {p, certain, int8_range512(p.out_zero, p.out_min, p.out_max), window};
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    const __m512i a_all = _mm512_set1_epi8(a[a_at]), b_all = _mm512_set1_epi8(b[b_at]);
    for (int32_t at = 0; at < count; at += 64) {
      const bool whole = count - at >= 64;
      const __mmask64 inside = whole ? 0 : (uint64_t{1} << (count - at)) - 1;
      const auto load = [&](const int8_t* x) { return whole ? _mm512_loadu_si512(x) : _mm512_maskz_loadu_epi8(inside, x); };
      const __m512i left = p.a_stride[7] == 0 ? a_all : load(a + a_at + at);
      const __m512i right = p.b_stride[7] == 0 ? b_all : load(b + b_at + at);
      const __m512i bytes = add(sum, left, right);
      if (whole) {
        _mm512_storeu_si512(y + y_at + at, bytes);
      } else {
        _mm512_mask_storeu_epi8(y + y_at + at, inside, bytes);
      }
    }
  });
  return kOk;
}

}  // namespace sinter
