#include "../requantize.h"
#include "body.h"

namespace sinter {
namespace {

struct Scalar {
  static constexpr int32_t kMr = 1, kWords = 1, kGranule = 2, kRows = 6;
  typedef intptr_t Lanes __attribute__((vector_size(sizeof(intptr_t))));
  using Words = uint32_t;
  using Sums = uint32_t;

  static Words widen(const int8_t* x) { return static_cast<uint32_t>(int32_t{*x}); }
  static void store(int16_t* to, Words x) { *to = static_cast<int16_t>(x); }
  static Words load(const int16_t* x) { return static_cast<uint32_t>(int32_t{*x}); }
  static Sums load(const int32_t* x) { return static_cast<uint32_t>(*x); }
  static void store(int32_t* to, Sums x) { *to = static_cast<int32_t>(x); }

  static void multiply(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias, int32_t pairs, int32_t,
                       bool add, int32_t* half) {
    Sums m[kWinogradColumns][kWinogradReach] = {};
    for (int n = 0; bias != nullptr && n < kWinogradColumns; ++n) m[n][1] = load(bias + n);
    for (int32_t k = 0; k < pairs; ++k, w += 2 * kWinogradColumns) {
      const int16_t* pair = v + k * 2 / kSlice * kMr * kValuesTile + k * 2 % kSlice;
      for (int i = 0; i < kWinogradReach; ++i, pair += kValuesPosition) {
        const int16_t* weights = w + i * position;
        for (int n = 0; n < kWinogradColumns; ++n) {
          m[n][i] += static_cast<uint32_t>(pair[0] * weights[2 * n] + pair[1] * weights[2 * n + 1]);
        }
      }
    }
    for (int n = 0; n < kWinogradColumns; ++n) halve<Scalar>(m[n], add, half + n);
  }

  struct Output {
    const int32_t multiplier, shift;
    const ConvS8Params& p;

    Output(const int32_t* m, const int32_t* s, const ConvS8Params& params) : multiplier(*m), shift(*s), p(params) {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, int32_t step, int32_t pixels, int32_t) const {
      for (int32_t j = 0; j < pixels; ++j, to += step) {
        *to = requantize(static_cast<int32_t>(y[j]) >> 6, multiplier, shift, p.out_zero, p.out_min, p.out_max);
      }
    }
  };
};

}  // namespace

extern "C" Status winograd_s8_1x16k2__scalar(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Scalar>(params, operands, scratch, begin, end);
}

}  // namespace sinter
