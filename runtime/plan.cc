#include "plan.h"

#include <string.h>

#include <array>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "plan files are little-endian");

namespace sinter::runtime {
namespace {

// Eight tables, so that eight bytes are taken at a time.
struct ChecksumTables {
  std::array<std::array<uint32_t, 256>, 8> rows{};
  constexpr ChecksumTables() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
      rows[0][i] = value;
    }
    for (size_t t = 1; t < 8; ++t) {
      for (size_t i = 0; i < 256; ++i) rows[t][i] = rows[t - 1][i] >> 8 ^ rows[0][rows[t - 1][i] & 255];
    }
  }
};
constexpr ChecksumTables kTables;

// A fuzzer cannot guess checksums, so in its builds all are right.
bool intact(const uint8_t* bytes, uint64_t size, uint32_t expected) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  (void)bytes, (void)size, (void)expected;
  return true;
#else
  return checksum(bytes, size) == expected;
#endif
}

std::string tag_text(uint32_t tag) {
  char text[5] = {};
  memcpy(text, &tag, 4);
  return quoted(text);
}

class Sections {
 public:
  Sections(const uint8_t* bytes, uint64_t size) : bytes_(bytes) {
    plan::Header header;
    require(size >= sizeof(header), "the file has ", size, " bytes, its header alone needs ", sizeof(header));
    memcpy(&header, bytes, sizeof(header));
    require(memcmp(header.magic, plan::kMagic, sizeof(plan::kMagic)) == 0, "the file does not start like a plan file");
    require(header.version >= 1 && header.version <= plan::kVersion, "the file has format version ", header.version,
            ", this build reads 1 to ", plan::kVersion);
    require(header.file_size == size, "the header states ", header.file_size, " bytes, the file has ", size);
    require(header.section_count <= (size - sizeof(header)) / sizeof(plan::Section), "the header states ", header.section_count,
            " sections, more than the file can hold");
    const uint64_t table = uint64_t{header.section_count} * sizeof(plan::Section);
    require(intact(bytes + sizeof(header), table, header.checksum), "the section table's checksum does not match");
    sections_.resize(header.section_count);
    if (table != 0) memcpy(sections_.data(), bytes + sizeof(header), static_cast<size_t>(table));
    read_.resize(sections_.size());
    for (const plan::Section& s : sections_) {
      require(s.offset <= size && s.size <= size - s.offset, "section ", tag_text(s.tag), " covers bytes ", s.offset, " + ", s.size,
              " of a file of ", size);
      require(s.offset % kAlignment == 0, "section ", tag_text(s.tag), " starts at ", s.offset, ", which is no multiple of ",
              kAlignment);
    }
  }

  // The bytes of the one section with this tag; empty when there is none.
  const plan::Section take(uint32_t tag) {
    plan::Section found{};
    bool once = false;
    for (size_t i = 0; i < sections_.size(); ++i) {
      if (sections_[i].tag != tag) continue;
      require(!once, "two sections are tagged ", tag_text(tag));
      once = true;
      read_[i] = true;
      found = sections_[i];
      require(intact(bytes_ + found.offset, found.size, found.checksum), "the checksum of section ", tag_text(tag),
              " does not match");
    }
    return found;
  }

  template <class Record>
  void records(uint32_t tag, std::vector<Record>& out) {
    const plan::Section s = take(tag);
    require(s.size % sizeof(Record) == 0, "section ", tag_text(tag), " has ", s.size, " bytes, no multiple of its records' ",
            sizeof(Record));
    require(s.size / sizeof(Record) <= plan::kMaxRecords, "section ", tag_text(tag), " has ", s.size / sizeof(Record),
            " records, at most ", plan::kMaxRecords, " are read");
    out.resize(static_cast<size_t>(s.size / sizeof(Record)));
    if (s.size != 0) memcpy(out.data(), bytes_ + s.offset, static_cast<size_t>(s.size));
  }

  // Call last: refuses required sections that nobody took.
  void finish() const {
    for (size_t i = 0; i < sections_.size(); ++i) {
      require(read_[i] || (sections_[i].flags & plan::kRequired) == 0, "section ", tag_text(sections_[i].tag),
              " is required and unknown to this build; update the runtime");
    }
  }

 private:
  const uint8_t* bytes_;
  std::vector<plan::Section> sections_;
  std::vector<bool> read_;
};

}  // namespace

uint32_t checksum(const uint8_t* bytes, uint64_t size) {
  const auto& t = kTables.rows;
  uint32_t value = ~0u;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint32_t low, high;
    memcpy(&low, bytes, 4);
    memcpy(&high, bytes + 4, 4);
    low ^= value;
    value = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][high & 255] ^
            t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
  }
  for (; size != 0; ++bytes, --size) value = value >> 8 ^ t[0][(value ^ *bytes) & 255];
  return ~value;
}

Plan parse_plan(const uint8_t* bytes, uint64_t size) {
  Sections sections(bytes, size);
  Plan p;
  sections.records(plan::tag("KERN"), p.kernels);
  sections.records(plan::tag("BUFF"), p.buffers);
  sections.records(plan::tag("OPND"), p.operands);
  sections.records(plan::tag("STEP"), p.steps);
  sections.records(plan::tag("TENS"), p.tensors);
  sections.records(plan::tag("ENTR"), p.entries);
  sections.records(plan::tag("GOLD"), p.golden);

  const plan::Section strings = sections.take(plan::tag("STRS"));
  p.strings.assign(bytes + strings.offset, bytes + strings.offset + strings.size);
  require(!p.strings.empty() && p.strings.back() == 0, "section 'STRS' does not end with a zero byte");

  const plan::Section params = sections.take(plan::tag("PARM"));
  p.params = allocate_aligned(params.size);
  p.params_size = params.size;
  if (params.size != 0) memcpy(p.params.get(), bytes + params.offset, static_cast<size_t>(params.size));

  const plan::Section state = sections.take(plan::tag("STAT"));
  p.state.assign(bytes + state.offset, bytes + state.offset + state.size);

  const plan::Section weights = sections.take(plan::tag("WGTS"));
  p.weights = bytes + weights.offset;
  p.weight_bytes = weights.size;
  const plan::Section vectors = sections.take(plan::tag("VECT"));
  p.vectors = bytes + vectors.offset;
  p.vector_bytes = vectors.size;
  sections.finish();
  return p;
}

}  // namespace sinter::runtime
