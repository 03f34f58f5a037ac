// Replays a script on bl_key_table, one operation per cycle, and checks the answers. Lines, keys and slots in hexadecimal:
//   w SLOT PRESENT KEY    host write
//   r SLOT PRESENT KEY    host read, with what it must find
//   l KEY HIT SLOT        lookup, with what it must find
#include <fstream>
#include <sstream>
#include <string>

#include "bench.h"

namespace {

struct Operation {
  char kind = ' ';
  uint32_t slot = 0;
  bool flag = false;  // present or hit
  Bytes key;
};

Bytes parse_key(const std::string& hex) {
  Bytes key;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) key.push_back(uint8_t(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return key;
}

Operation parse(const std::string& line) {
  std::istringstream in(line);
  Operation op;
  std::string key;
  in >> op.kind;
  if (op.kind == 'l') in >> key >> op.flag >> std::hex >> op.slot;
  else in >> std::hex >> op.slot >> op.flag >> key;
  op.key = parse_key(key);
  return op;
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 1, "usage: key_table SCRIPT");
  std::ifstream script(argv[1]);
  std::vector<Operation> ops;
  for (std::string line; std::getline(script, line);) ops.push_back(parse(line));
  CHECK(!ops.empty(), "empty script");
  ops.resize(ops.size() + 2);

  Vtop top;
  Operation one, two;  // in stages P + 1 and P + 2
  for (const Operation& op : ops) {
    bool token = op.kind == 'w' || op.kind == 'r';
    top.host_sel = token;
    if (token) {
      top.host_write = op.kind == 'w';
      top.host_slot = op.slot;
      top.host_present = op.flag;
      set_bytes(top.host_key, op.key, 8 * op.key.size());
    } else {
      set_bytes(top.key, op.key, 8 * op.key.size());
    }
    settle(top);
    CHECK(bool(top.host_rvalid) == (one.kind == 'r') || cycle == 0, "host_rvalid");
    if (one.kind == 'r') {
      CHECK(bool(top.host_rpresent) == one.flag, "present of slot %x", one.slot);
      CHECK(!one.flag || get_bytes(top.host_rkey, one.key.size()) == one.key, "key of slot %x", one.slot);
    }
    if (two.kind == 'l') {
      CHECK(bool(top.hit) == two.flag, "hit should be %d", two.flag);
      CHECK(!two.flag || top.slot == two.slot, "slot should be %x, is %x", two.slot, top.slot);
    }
    tick(top);
    two = one;
    one = op;
  }
  top.final();
  std::printf("ok\n");
}
