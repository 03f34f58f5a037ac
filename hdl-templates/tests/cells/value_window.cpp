// Reads and independent changes of few rows of bl_value_ram with an index of their own, lane by lane, against an array that is
// changed one operation after the other: a copy for a reader, or a window of several stages.
#include "bench.h"

int main(int argc, char** argv) {
  int bytes = int(option(argc, argv, "bytes", 8));
  int depth = int(option(argc, argv, "depth", 16));
  uint64_t lanes = uint64_t(option(argc, argv, "lanes", 1));  // by byte: a lane starts
  int cycles = int(option(argc, argv, "cycles", 50000));
  Rng rng{uint64_t(option(argc, argv, "seed", 1))};
  size_t bits = 8 * size_t(bytes);

  Vtop top;
  std::vector<Bytes> rows(size_t(depth), Bytes(size_t(bytes), 0));
  auto any_row = [&] {
    Bytes row(static_cast<size_t>(bytes));
    for (auto& b : row) b = uint8_t(rng.next());
    return row;
  };
  auto any_index = [&] { return int(rng.chance(80) ? rng.range(0, std::min(depth, 3) - 1) : rng.range(0, depth - 1)); };
  top.rst = 1;
  for (int i = 0; i < 5; i++) {
    top.host_sel = top.host_write = top.wr_en = 1;
    top.index = top.host_slot = top.wr_index = uint32_t(any_index());
    top.wr_mask = ~0;
    set_bytes(top.wr_row, any_row(), bits);
    settle(top);
    tick(top);
  }
  top.rst = 0;
  top.host_sel = 0;

  Bytes expected;       // of the packet in stage P + 1
  int token_write = -1; // of the token in stage P + 1
  Bytes host_row = any_row();
  bool host_read = false;
  for (int i = 0; i < cycles; i++) {
    bool token = token_write < 0 && rng.chance(8);
    bool token_writes = token && rng.chance(50);
    int index = any_index();
    if (token) {
      top.host_slot = uint32_t(index);
      host_row = any_row();
      set_bytes(top.host_row, host_row, bits);
    }
    top.host_sel = token;
    top.host_write = token ? token_writes : rng.chance(50);
    top.index = uint32_t(token ? 0 : index);
    // The change of this cycle: a token's in P + 1, or a packet's.
    int changed = any_index();
    bool change = token_write < 0 && rng.chance(60);
    uint64_t mask = rng.next();
    Bytes new_row = any_row();
    top.wr_en = change;
    top.wr_index = uint32_t(changed);
    set_bytes(top.wr_mask, Bytes(reinterpret_cast<uint8_t*>(&mask), reinterpret_cast<uint8_t*>(&mask) + 8), size_t(bytes));
    set_bytes(top.wr_row, new_row, bits);
    settle(top);
    CHECK(bool(top.host_rvalid) == host_read || i == 0, "host_rvalid");
    if (!expected.empty()) CHECK(get_bytes(top.row, size_t(bytes)) == expected, "row in stage P + 1");
    if (token_write >= 0) rows[size_t(token_write)] = host_row;
    bool on = false;
    for (int b = 0; change && b < bytes; b++) {
      if (lanes >> b & 1) on = mask >> b & 1;
      if (on) rows[size_t(changed)][size_t(b)] = new_row[size_t(b)];
    }
    // Whoever is in stage P sees the change of this cycle.
    expected = token && token_writes ? Bytes() : rows[size_t(index)];
    host_read = token && !token_writes;
    token_write = token_writes ? index : -1;
    tick(top);
    // A memory of one row is always up to date: it shows later changes too, which no packet makes in this stage.
    if (depth == 1) expected = rows[0];
  }
  top.final();
  std::printf("ok\n");
}
