// Replays a script on bl_lpm_table, one operation per cycle, and checks the answers. Numbers and keys in hexadecimal:
//   w INDEX PRESENT KEY SLOT    host writes a boundary of the other list
//   s COUNT                     host makes the other list, of so many boundaries, the active one
//   r INDEX PRESENT KEY SLOT    host reads a boundary of the active list, with what it must find
//   c COUNT                     host reads the length of the active list
//   l KEY HIT SLOT              lookup, with what it must find
//   n                           nothing
//   x COUNT                     like s, in a cycle of reset: nothing happens
// Arguments: the script, latency=STAGES.
#include <fstream>
#include <sstream>
#include <string>

#include "bench.h"

namespace {

struct Operation {
  char kind = ' ';
  uint32_t index = 0;  // or count
  bool flag = false;   // present or hit
  Bytes key;
  uint32_t slot = 0;

  bool token() const { return kind == 'w' || kind == 's' || kind == 'x' || reads(); }
  bool reads() const { return kind == 'r' || kind == 'c'; }
};

Operation parse(const std::string& line) {
  std::istringstream in(line);
  Operation op;
  std::string key;
  in >> op.kind >> std::hex;
  if (op.token()) in >> op.index;
  if (op.kind == 'l') in >> key >> op.flag >> op.slot;
  if (op.kind == 'w' || op.kind == 'r') in >> op.flag >> key >> op.slot;
  CHECK(in, "bad line %s", line.c_str());
  for (size_t i = 0; i + 1 < key.size(); i += 2) op.key.push_back(uint8_t(std::stoul(key.substr(i, 2), nullptr, 16)));
  return op;
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 1, "usage: lpm_table SCRIPT latency=STAGES");
  std::ifstream script(argv[1]);
  std::vector<Operation> ops;
  for (std::string line; std::getline(script, line);) ops.push_back(parse(line));
  CHECK(!ops.empty(), "empty script");
  const size_t latency = option(argc, argv, "latency", 0);
  CHECK(latency >= 2, "latency");
  ops.resize(ops.size() + latency);

  Vtop top;
  for (size_t n = 0; n < ops.size(); n++) {
    const Operation& op = ops[n];
    top.host_sel = op.token();
    top.rst = op.kind == 'x';
    if (op.token()) {
      top.host_write = !op.reads();
      top.host_swap = op.kind == 's' || op.kind == 'x' || op.kind == 'c';
      top.host_index = op.index;
      top.host_present = op.flag;
      set_bytes(top.host_key, op.key, 8 * op.key.size());
      top.host_slot = op.slot;
    } else {
      set_bytes(top.key, op.key, 8 * op.key.size());
    }
    settle(top);
    if (n + 1 >= latency) {
      const Operation& row = ops[n + 1 - latency];
      CHECK(bool(top.host_rvalid) == row.reads(), "host_rvalid");
      if (row.kind == 'c') CHECK(top.host_rslot == row.index, "%x boundaries, should be %x", top.host_rslot, row.index);
      if (row.kind == 'r') {
        CHECK(bool(top.host_rpresent) == row.flag, "present of boundary %x", row.index);
        CHECK(get_bytes(top.host_rkey, row.key.size()) == row.key, "key of boundary %x", row.index);
        CHECK(!row.flag || top.host_rslot == row.slot, "slot of boundary %x", row.index);
      }
    }
    if (n >= latency && ops[n - latency].kind == 'l') {
      const Operation& asked = ops[n - latency];
      CHECK(bool(top.hit) == asked.flag, "hit should be %d", asked.flag);
      CHECK(!asked.flag || top.slot == asked.slot, "slot should be %x, is %x", asked.slot, top.slot);
    }
    tick(top);
  }
  top.final();
  std::printf("ok\n");
}
