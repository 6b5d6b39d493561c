// The multiply-adds that one core can do: dependent chains long enough to hide latency, operands in registers only.
#include <immintrin.h>
#include <stdint.h>

#include <chrono>

namespace {

constexpr int kChains = 12, kRounds = 2000;

template <class Round>
double best_rate(double per_round, Round round) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    const Clock::time_point start = Clock::now();
    round(kRounds);
    const double rate = per_round * kRounds / std::chrono::duration<double>(Clock::now() - start).count();
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace

// int16 multiply-accumulates a second: vpmaddwd and vpaddd.
extern "C" double peak_s16(void) {
  return best_rate(16.0 * kChains, [](int rounds) {
    __m256i acc[kChains] = {}, x = _mm256_set1_epi16(3);
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) {
        __asm__ volatile("" : "+x"(x));
        acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(x, x));
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) __asm__ volatile("" ::"x"(acc[i]));
  });
}

// int8 multiply-accumulates a second: vpdpbusd of 512 bits.
extern "C" __attribute__((target("avx512f,avx512vnni"))) double peak_vnni(void) {
  return best_rate(64.0 * kChains, [](int rounds) __attribute__((target("avx512f,avx512vnni"))) {
    __m512i acc[kChains] = {}, x = _mm512_set1_epi32(3);
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) {
        __asm__ volatile("" : "+v"(x));
        acc[i] = _mm512_dpbusd_epi32(acc[i], x, x);
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) __asm__ volatile("" ::"v"(acc[i]));
  });
}

// float multiply-accumulates a second: vfmadd.
extern "C" double peak_f32(void) {
  return best_rate(8.0 * kChains, [](int rounds) {
    __m256 acc[kChains] = {};
    const __m256 x = _mm256_set1_ps(1e-3f);
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) {
        acc[i] = _mm256_fmadd_ps(x, x, acc[i]);
        __asm__ volatile("" : "+x"(acc[i]));
      }
    }
  });
}
