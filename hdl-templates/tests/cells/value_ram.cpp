// Random reads, read-modify-writes and host tokens on few rows of bl_value_ram, against an array that is changed one
// operation after the other.
#include "bench.h"

namespace {

struct Operation {
  enum Kind { none, read, change, host_read, host_write } kind = none;
  int index = 0;
  Bytes row;  // what a host write stores, or a packet XORs in
};

}  // namespace

int main(int argc, char** argv) {
  int width = int(option(argc, argv, "width", 64));
  int depth = int(option(argc, argv, "depth", 16));
  bool writable = option(argc, argv, "writable", 1) != 0;
  uint8_t init = uint8_t(option(argc, argv, "init", 0));
  int cycles = int(option(argc, argv, "cycles", 50000));
  size_t bytes = size_t(width + 7) / 8;
  Rng rng{uint64_t(option(argc, argv, "seed", 1))};

  Vtop top;
  Bytes first(bytes, 0);
  first[0] = init;
  std::vector<Bytes> rows(size_t(depth), first);
  auto cut = [&](Bytes b) {
    if (width % 8) b.back() &= uint8_t((1 << width % 8) - 1);
    return b;
  };
  // Nothing is written during a reset, whatever the inputs and the registers are.
  top.rst = 1;
  for (int i = 0; i < 5; i++) {
    Bytes noise(bytes, uint8_t(rng.next() | 1));
    top.host_sel = top.host_write = top.wr_en = 1;
    set_bytes(top.wr_mask, Bytes(bytes, 0xff), bytes);
    top.index = top.host_slot = uint32_t(rng.range(0, depth - 1));
    set_bytes(top.host_row, cut(noise), width);
    set_bytes(top.wr_row, cut(noise), width);
    settle(top);
    tick(top);
  }
  top.rst = 0;

  Operation older;
  Bytes host_row(bytes);  // static while a token is near, as bl_host guarantees
  int since_token = 100;
  for (int i = 0; i < cycles; i++) {
    Operation now;
    now.index = rng.chance(80) ? int(rng.range(0, std::min(depth, 3) - 1)) : int(rng.range(0, depth - 1));
    now.row.resize(bytes);
    for (auto& b : now.row) b = uint8_t(rng.next());
    now.row = cut(now.row);
    int dice = int(rng.range(0, 99));
    if (dice < 10 && since_token > 2) {
      now.kind = dice < 5 ? Operation::host_read : Operation::host_write;
      host_row = now.row;
      since_token = 0;
    } else if (dice < 90) {
      now.kind = writable && dice < 75 ? Operation::change : Operation::read;
    }
    since_token++;

    bool token = now.kind >= Operation::host_read;
    top.host_sel = token;
    top.host_write = token ? now.kind == Operation::host_write : rng.chance(50);
    top.index = token ? 0 : uint32_t(now.index);
    top.host_slot = token ? uint32_t(now.index) : 0;
    set_bytes(top.host_row, host_row, width);
    top.wr_en = 0;
    settle(top);

    // Stage P + 1 holds the older operation.
    CHECK(bool(top.host_rvalid) == (older.kind == Operation::host_read) || i == 0, "host_rvalid");
    if (older.kind != Operation::none && older.kind != Operation::host_write) {
      CHECK(get_bytes(top.row, bytes) == rows[size_t(older.index)], "row %d", older.index);
    }
    if (older.kind == Operation::change) {
      Bytes changed = get_bytes(top.row, bytes);
      for (size_t b = 0; b < bytes; b++) changed[b] ^= older.row[b];
      top.wr_en = 1;
      set_bytes(top.wr_row, changed, width);
      rows[size_t(older.index)] = changed;
    }
    if (older.kind == Operation::host_write) rows[size_t(older.index)] = older.row;
    settle(top);
    tick(top);
    older = now;
  }
  top.final();
  std::printf("ok\n");
}
