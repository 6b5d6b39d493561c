#include "../requantize_avx512.h"
#include "certain.h"

namespace sinter {
namespace {

struct Sum {
  const AddS8Params& p;
  CertainSum certain;
  Int8Range512 range;
};

// Sixteen sums with 16 fractional bits.
template <int kPart>
__m512i add_part(const CertainSum& certain, __m512i a, __m512i b) {
  alignas(64) static constexpr int8_t kPairs[64] = {0, 0,  0, 64, 0, 1,  0, 65, 0, 2,  0, 66, 0, 3,  0, 67, 0, 4,  0, 68, 0, 5,
                                                    0, 69, 0, 6,  0, 70, 0, 7,  0, 71, 0, 8,  0, 72, 0, 9,  0, 73, 0, 10, 0, 74,
                                                    0, 11, 0, 75, 0, 12, 0, 76, 0, 13, 0, 77, 0, 14, 0, 78, 0, 15, 0, 79};
  const __m512i pairs = _mm512_add_epi8(_mm512_load_si512(kPairs), _mm512_set1_epi8(16 * kPart));
  const __m512i words = _mm512_maskz_permutex2var_epi8(0xaaaaaaaaaaaaaaaa, a, pairs, b);
  const __m512i high = _mm512_dpwssd_epi32(_mm512_set1_epi32(certain.constant), words, _mm512_set1_epi32(certain.high));
  const __m512i offset = _mm512_xor_si512(words, _mm512_set1_epi8(-128));
  const __m512i all = _mm512_dpbusd_epi32(high, offset, _mm512_set1_epi32(certain.low));
  return _mm512_sra_epi32(all, _mm_cvtsi32_si128(certain.shift));
}

__attribute__((noinline, cold)) __m512i add_settled(const Sum& sum, __m512i a, __m512i b, __m512i p, __m512i q, __m512i r,
                                                    __m512i s, __m512i window) {
  alignas(64) int8_t left[64], right[64];
  _mm512_store_si512(left, a);
  _mm512_store_si512(right, b);
  return pack_settled(sum.range, {p, q, r, s}, window,
                      [&](int i, int lane) { return add(sum.p, left[16 * i + lane], right[16 * i + lane]); });
}

__m512i add(const Sum& sum, __m512i a, __m512i b) {
  const Words512 w = {add_part<0>(sum.certain, a, b), add_part<1>(sum.certain, a, b), add_part<2>(sum.certain, a, b),
                      add_part<3>(sum.certain, a, b)};
  const __m512i window = _mm512_set1_epi16(static_cast<int16_t>(sum.certain.window));
  return any_doubtful(w, window) ? add_settled(sum, a, b, w.p, w.q, w.r, w.s, window) : pack_s8(sum.range, w);
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
  const Sum sum = {p, with_offset(certain_sum(p)), int8_range512(p.out_zero, p.out_min, p.out_max)};
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
