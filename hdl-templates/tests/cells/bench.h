// What every driver needs: random numbers, checks that name the cycle, byte access to ports of any width.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

using Bytes = std::vector<uint8_t>;

/// Current clock cycle, for messages.
inline uint64_t cycle = 0;

#define CHECK(condition, ...)                                                        \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::printf("cycle %llu: %s\n  ", (unsigned long long)cycle, #condition);      \
      std::printf(__VA_ARGS__);                                                      \
      std::printf("\n");                                                             \
      std::fflush(stdout);                                                           \
      std::_Exit(1);                                                                 \
    }                                                                                \
  } while (0)

/// SplitMix64.
struct Rng {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// From `low` to `high`, both included.
  int64_t range(int64_t low, int64_t high) { return low + int64_t(next() % uint64_t(high - low + 1)); }
  bool chance(int percent) { return int(next() % 100) < percent; }
};

/// The first `bytes` bytes of a port; all of Verilator's port types are little-endian in memory.
template <class Port>
Bytes get_bytes(const Port& port, size_t bytes) {
  Bytes out(bytes);
  std::memcpy(out.data(), &port, std::min(bytes, sizeof(Port)));
  return out;
}

/// Sets a port of `bits` bits; bits beyond are cleared, as Verilator expects.
template <class Port>
void set_bytes(Port& port, const Bytes& value, size_t bits) {
  Bytes image(sizeof(Port), 0);
  std::memcpy(image.data(), value.data(), std::min(image.size(), value.size()));
  for (size_t bit = bits; bit < 8 * image.size(); bit++) image[bit / 8] &= uint8_t(~(1u << (bit % 8)));
  std::memcpy(&port, image.data(), image.size());
}

/// Lets combinational logic settle: outputs now belong to this cycle.
inline void settle(Vtop& top) {
  top.clk = 0;
  top.eval();
}

/// The clock edge at the end of this cycle.
inline void tick(Vtop& top) {
  top.clk = 1;
  top.eval();
  cycle++;
}

/// `name=value` from the command line.
inline long option(int argc, char** argv, const char* name, long otherwise) {
  size_t length = std::strlen(name);
  for (int i = 1; i < argc; i++) {
    if (!std::strncmp(argv[i], name, length) && argv[i][length] == '=') return std::atol(argv[i] + length + 1);
  }
  return otherwise;
}
