// What every part of the runtime shares: its error, message text, and aligned memory.
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "sinter.h"

namespace sinter::runtime {

constexpr uint64_t kAlignment = 64;

// Thrown inside the library, turned into a status at its C interface.
struct Error : std::runtime_error {
  Error(sinter_status s, const std::string& message, int system = 0) : std::runtime_error(message), status(s), number(system) {}
  sinter_status status;
  int number;  // errno, where the operating system refused
};

template <class Part>
void append(std::string& text, const Part& part) {
  if constexpr (std::is_arithmetic_v<Part>) {
    text += std::to_string(part);
  } else if constexpr (std::is_enum_v<Part>) {
    text += std::to_string(static_cast<std::underlying_type_t<Part>>(part));
  } else {
    text += part;
  }
}

template <class... Parts>
std::string message(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}

template <class... Parts>
[[noreturn]] void fail(sinter_status status, const Parts&... parts) {
  throw Error(status, message(parts...));
}

template <class... Parts>
void require(bool holds, const Parts&... parts) {
  if (!holds) throw Error(SINTER_BAD_PLAN, message("bad plan: ", parts...));
}

// A name out of a plan, fit to print: control characters replaced, long names cut.
inline std::string quoted(const char* name) {
  std::string text = "'";
  for (size_t i = 0; name[i] != 0; ++i) {
    if (i == 100) return text + "...'";
    text += static_cast<unsigned char>(name[i]) < 32 ? '?' : name[i];
  }
  return text + "'";
}

// Rounds up to the alignment; the caller keeps bytes below 2^63.
constexpr uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct FreeAligned {
  void operator()(uint8_t* bytes) const { free(bytes); }
};
using AlignedBytes = std::unique_ptr<uint8_t[], FreeAligned>;

// Throws std::bad_alloc.
inline AlignedBytes allocate_aligned(uint64_t bytes) {
  if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
  void* memory = aligned_alloc(kAlignment, static_cast<size_t>(aligned(bytes == 0 ? 1 : bytes)));
  if (memory == nullptr) throw std::bad_alloc();
  return AlignedBytes(static_cast<uint8_t*>(memory));
}

}  // namespace sinter::runtime
