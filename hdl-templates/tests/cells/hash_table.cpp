// Replays a script on bl_hash_table, one line a cycle, and checks the answers. A line has, in hexadecimal:
//   KEY...                                stage P: the key of each probe
//   SEL OP FLAGS SLOT KEY                 stage P: the token; the request stands still behind it
//   INSERT TOUCH REMOVE SLOT              stage K, and a removal
//   VALID (HIT ROOM CHECK SLOT)...        stage K, for each probe: what it must find; CHECK: the slot counts
//   COUNT FULL NEAR NO_ROOM
//   TOKEN STATUS ACCESS SLOT              a token in stage K, or its answer standing: with TOKEN 1 ACCESS counts, with 2 STATUS too
//   READ PRESENT KEY                      the answer to operation 0, if READ
#include <fstream>
#include <sstream>
#include <string>

#include "bench.h"

namespace {

Bytes parse_key(const std::string& hex) {
  Bytes key;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) key.push_back(uint8_t(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return key;
}

struct Line {
  std::istringstream in;
  uint32_t number() {
    uint32_t n = 0;
    in >> std::hex >> n;
    CHECK(!in.fail(), "the script has a short line");
    return n;
  }
  Bytes key() {
    std::string text;
    in >> text;
    return parse_key(text);
  }
};

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 1, "usage: hash_table SCRIPT bytes= probes= slot_w=");
  size_t bytes = size_t(option(argc, argv, "bytes", 4)), probes = size_t(option(argc, argv, "probes", 1));
  size_t slot_w = size_t(option(argc, argv, "slot_w", 8));
  std::ifstream script(argv[1]);
  Vtop top;
  uint64_t lines = 0, hits = 0;
  for (std::string text; std::getline(script, text); lines++) {
    Line line{std::istringstream(text)};
    Bytes keys;
    for (size_t r = 0; r < probes; r++) {
      Bytes key = line.key();
      keys.insert(keys.end(), key.begin(), key.end());
    }
    set_bytes(top.key, keys, 8 * bytes * probes);
    top.rst = 0;
    top.host_sel = line.number();
    uint32_t op = line.number(), flags = line.number(), slot = line.number();
    Bytes host_key = line.key();
    top.host_op = op;
    top.host_flags = flags;
    top.host_slot = slot;
    set_bytes(top.host_key, host_key, 8 * bytes);
    top.insert_en = line.number();
    top.touch_en = line.number();
    top.remove_en = line.number();
    top.remove_slot = line.number();
    settle(top);

    bool valid = line.number();
    Bytes slots = get_bytes(top.slot, (probes * slot_w + 7) / 8);
    for (size_t r = 0; r < probes; r++) {
      uint32_t hit = line.number(), room = line.number(), check = line.number(), at = line.number();
      if (!valid) continue;
      hits += hit;
      CHECK((top.hit >> r & 1) == hit, "probe %zu: hit should be %u", r, hit);
      CHECK(hit || room > 1 || (top.room >> r & 1) == room, "probe %zu: room should be %u", r, room);
      uint32_t got = 0;
      for (size_t b = 0; b < slot_w; b++) got |= uint32_t(slots[(r * slot_w + b) / 8] >> ((r * slot_w + b) % 8) & 1) << b;
      CHECK(!check || got == at, "probe %zu: slot should be %x, is %x", r, at, got);
    }
    uint32_t count = line.number(), full = line.number(), near = line.number(), no_room = line.number();
    CHECK(top.count == count, "count should be %u, is %u", count, top.count);
    CHECK(top.full == full, "full should be %u", full);
    CHECK(near > 1 || top.near_full == near, "near_full should be %u", near);
    CHECK(top.no_room == no_room, "no_room should be %u, is %u", no_room, top.no_room);
    uint32_t token = line.number(), status = line.number(), access = line.number(), rslot = line.number();
    if (token) {
      CHECK(top.host_access == access, "host_access should be %u", access);
      CHECK(!access || top.host_rslot == rslot, "host_rslot should be %x, is %x", rslot, top.host_rslot);
    }
    if (token == 2) CHECK(top.host_status == status, "status should be %d, is %d", int(status), int(top.host_status));
    uint32_t read = line.number(), present = line.number();
    Bytes read_key = line.key();
    if (read) {
      CHECK(top.host_rpresent == present, "present should be %u", present);
      CHECK(!present || get_bytes(top.host_rkey, bytes) == read_key, "the key that was read");
    }
    tick(top);
  }
  top.final();
  CHECK(lines > 1000 && hits > 100, "a script must do something");
  std::printf("ok\n");
}
