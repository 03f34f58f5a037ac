// Random packets and tokens through a hazard window, against packets executed one after the other; the cycle of every packet from the rules of
// docs/rtl-interface.md ("Gates"), computed packet by packet.
#include <algorithm>

#include "bench.h"

namespace {

struct Packet {
  bool token = false;
  bool host_write = false;
  bool present = false;
  int slot = 0;
  int mask = 0;
  uint16_t add = 0;    // of a token: the row that it writes
  uint16_t row = 0;    // that it reads
  uint64_t fires = 0;
  uint64_t number = 0;
  bool may() const { return token || mask; }
};

uint16_t merge(uint16_t old_row, uint16_t new_row, int mask) {
  uint16_t bits = uint16_t((mask & 1 ? 0x00ff : 0) | (mask & 2 ? 0xff00 : 0));
  return uint16_t((old_row & ~bits) | (new_row & bits));
}

}  // namespace

int main(int argc, char** argv) {
  int slots = int(option(argc, argv, "slots", 4));
  uint64_t window = uint64_t(option(argc, argv, "window", 3));
  size_t depth = size_t(option(argc, argv, "depth", 3));
  uint64_t fifo = uint64_t(option(argc, argv, "fifo", 8));
  uint64_t cycles = uint64_t(option(argc, argv, "cycles", 50000));
  Rng rng{uint64_t(option(argc, argv, "seed", 1))};

  Vtop top;
  top.rst = 1;
  top.in_valid = top.in_token = 0;
  settle(top);
  tick(top);
  top.rst = 0;

  std::vector<uint16_t> rows(size_t(slots), 0);
  std::deque<Packet> inside;         // not yet in the stage of the change
  std::deque<Packet> fired;          // a long history, in order
  uint64_t last_fire = 0, number = 0, stalls = 0, expected_stalls = 0, waits = 0;
  bool token_inside = false;
  int load = 50, hot = 50;

  while (cycle < cycles) {
    if (cycle % 64 == 0) {
      load = int(rng.range(0, 4)) * 25;
      hot = int(rng.range(0, 100));
    }
    Packet p;
    bool packet = rng.chance(load) && inside.size() < fifo;
    p.token = !packet && !token_inside && rng.chance(3);
    p.present = p.token || rng.chance(85);
    p.slot = rng.chance(hot) ? 0 : int(rng.range(0, slots - 1));
    p.mask = p.token ? 3 : int(rng.range(0, 3));
    p.host_write = p.token && rng.chance(50);
    p.add = uint16_t(rng.next());
    top.in_valid = packet;
    top.in_token = p.token;
    top.in_present = p.present;
    top.in_slot = uint32_t(p.slot);
    top.in_mask = uint32_t(p.mask);
    top.in_add = p.add;
    top.in_tag = uint32_t(number & 0xff);
    if (p.token) {
      top.host_write = p.host_write;
      top.host_slot = uint32_t(p.slot);
      top.host_row = p.add;
    }
    if (packet || p.token) {
      // The sequential meaning.
      p.row = rows[size_t(p.slot)];
      if (p.token ? p.host_write : p.present) {
        rows[size_t(p.slot)] = merge(p.row, p.token ? p.add : uint16_t(p.row + p.add), p.mask);
      }
      // The rules of time.
      uint64_t head = std::max(cycle + 1, last_fire + 1);
      uint64_t t = head;
      auto blocked = [&] {
        size_t pending = 0;
        bool conflict = false;
        for (const Packet& m : fired) {
          if (!m.may() || m.fires + window <= t) continue;
          pending++;
          conflict |= m.token || p.token || (m.present && p.present && m.slot == p.slot);
        }
        return conflict || pending >= depth;
      };
      while (blocked()) t++;
      expected_stalls += t - head;
      waits += t > head;
      last_fire = p.fires = t;
      p.number = number++;
      token_inside |= p.token;
      fired.push_back(p);
      if (fired.size() > 4 * window) fired.pop_front();
      inside.push_back(p);
    }
    settle(top);
    stalls += top.stalled;
    const auto at = std::find_if(inside.begin(), inside.end(), [&](const Packet& m) { return m.fires == cycle; });
    CHECK(bool(top.fire) == (at != inside.end()), "a packet fires or does not");
    const auto reader = std::find_if(inside.begin(), inside.end(), [&](const Packet& m) { return m.fires + 1 == cycle; });
    bool host_read = reader != inside.end() && reader->token && !reader->host_write;
    CHECK(bool(top.host_rvalid) == host_read, "host_rvalid");
    CHECK(!host_read || top.host_rrow == reader->row, "the host reads slot %d", reader->slot);
    bool leaves = !inside.empty() && inside.front().fires + window == cycle;
    CHECK(bool(top.out_valid) == (leaves && !inside.front().token), "a packet leaves or does not");
    CHECK(bool(top.out_token) == (leaves && inside.front().token), "a token leaves or does not");
    if (leaves) {
      const Packet& m = inside.front();
      CHECK(top.out_tag == (m.number & 0xff), "packet %llu", (unsigned long long)m.number);
      CHECK(m.token || !m.present || top.out_row == m.row, "row of slot %d should be %x", m.slot, m.row);
      token_inside &= !m.token;
      inside.pop_front();
    }
    tick(top);
  }
  CHECK(stalls <= expected_stalls && stalls + 64 >= expected_stalls, "%llu stalls, not %llu", (unsigned long long)stalls,
        (unsigned long long)expected_stalls);
  CHECK(number > cycles / 8 && (window == 1 || waits > 100), "%llu packets, %llu of them wait", (unsigned long long)number,
        (unsigned long long)waits);
  top.final();
  std::printf("ok\n");
}
