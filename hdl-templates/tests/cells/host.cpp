// Random AXI4-Lite traffic on bl_host, with two maps of a few slots at the end of a token's way and packets retiring
// all the time; every answer is compared with a model of the register map. Map 1 is one whose slots the host chooses
// (operations 0 and 1), map 2 does operations 2 to 4 by itself; maps 0 and above 2 answer nothing.
#include "bench.h"

namespace {

struct Slot {
  bool present = false;
  Bytes key, value;
};

constexpr uint32_t MAPS = 3, GATED = 0b101, TABLES = 0b110;

/// The words of MAP_SHAPES as the test's parameters have them.
uint32_t shape_word(uint32_t map, uint32_t word) {
  return 0x01010101u * (16 * map + word + 1);
}

template <typename Wide>
void set_word(Wide& wide, uint32_t index, uint32_t word) {
  wide[index] = word;
}

struct Answer {
  uint32_t data, resp;
};

class Bench {
 public:
  Bench(int key_bytes, int value_bytes, uint64_t seed)
      : key_size(size_t(key_bytes)), value_size(size_t(value_bytes)), rng{seed} {
    for (auto& s : slots) s.key.resize(key_size), s.value.resize(value_size);
    top.rst = 1;
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = top.s_axil_arvalid = top.s_axil_rready = 0;
    top.map_stall = 0;
    top.token_done = top.found_key_valid = top.found_entry_valid = top.found_value_valid = top.retire_valid = 0;
    for (int i = 0; i < 3; i++) settle(top), tick(top);
    top.rst = 0;
  }

  uint32_t write(uint32_t address, uint32_t data, uint32_t strobe = 15) {
    // Address and data come in any order.
    int address_in = int(rng.range(0, 3)), data_in = int(rng.range(0, 3));
    top.s_axil_awaddr = address;
    top.s_axil_wdata = data;
    top.s_axil_wstrb = strobe;
    bool address_done = false, data_done = false;
    for (int i = 0; !address_done || !data_done; i++) {
      CHECK(i < 50, "write to %x is not taken", address);
      top.s_axil_awvalid = !address_done && i >= address_in;
      top.s_axil_wvalid = !data_done && i >= data_in;
      half();
      address_done |= top.s_axil_awvalid && top.s_axil_awready;
      data_done |= top.s_axil_wvalid && top.s_axil_wready;
      edge();
    }
    top.s_axil_awvalid = top.s_axil_wvalid = 0;
    for (int i = 0;; i++) {
      CHECK(i < 50, "no answer to a write to %x", address);
      top.s_axil_bready = rng.chance(50);
      half();
      bool done = top.s_axil_bvalid && top.s_axil_bready;
      uint32_t resp = top.s_axil_bresp;
      edge();
      top.s_axil_bready = 0;
      if (done) return resp;
    }
  }

  Answer read(uint32_t address) {
    top.s_axil_araddr = address;
    top.s_axil_arvalid = 1;
    for (int i = 0;; i++) {
      CHECK(i < 50, "read of %x is not taken", address);
      half();
      bool taken = top.s_axil_arready;
      if (taken) snapshot();
      edge();
      if (taken) break;
    }
    top.s_axil_arvalid = 0;
    for (int i = 0;; i++) {
      CHECK(i < 50, "no answer to a read of %x", address);
      top.s_axil_rready = rng.chance(50);
      half();
      Answer answer{top.s_axil_rdata, top.s_axil_rresp};
      bool done = top.s_axil_rvalid && top.s_axil_rready;
      edge();
      top.s_axil_rready = 0;
      if (done) return answer;
    }
  }

  void expect(uint32_t address, uint32_t data) {
    Answer a = read(address);
    CHECK(a.resp == 0 && a.data == data, "read of %04x: %08x, resp %u; should be %08x", address, a.data, a.resp, data);
  }

  void put(uint32_t base, const Bytes& bytes) {
    for (size_t w = 0; 4 * w < bytes.size(); w++) {
      uint32_t word = 0;
      std::memcpy(&word, &bytes[4 * w], std::min<size_t>(4, bytes.size() - 4 * w));
      CHECK(write(base + uint32_t(4 * w), word) == 0, "write of word %zu", w);
    }
  }

  void match(uint32_t base, const Bytes& bytes) {
    for (size_t w = 0; 4 * w < bytes.size(); w++) {
      uint32_t word = 0;
      std::memcpy(&word, &bytes[4 * w], std::min<size_t>(4, bytes.size() - 4 * w));
      expect(base + uint32_t(4 * w), word);
    }
  }

  /// Starts a request and waits for its end; while it lasts, writes must be refused.
  void request(uint32_t op, uint32_t flags, uint32_t map, uint32_t slot) {
    CHECK(write(0x000c, map) == 0 && write(0x0010, slot) == 0, "map or slot refused");
    expect(0x000c, map);
    expect(0x0010, slot);
    wanted_op = op, wanted_flags = flags, wanted_map = map;
    token_hold = rng.chance(30);
    CHECK(write(0x0008, flags << 8 | op << 4 | 1) == 0, "start is refused");
    if (token_hold) {
      expect(0x0008, flags << 8 | op << 4 | 1);
      CHECK(write(0x0010, 0xffff) == 2 && write(0x0008, 1) == 2, "a write while busy is not refused");
      token_hold = false;
    }
    for (int i = 0; read(0x0008).data & 1; i++) CHECK(i < 100, "busy for ever");
    CHECK(tokens == 1, "%d tokens for one request", tokens);
    tokens = 0;
  }

  /// The counters and the shape of every map, and what there is for numbers that are no map's.
  void check_maps() {
    for (uint32_t map : {0u, 1u, 2u, 3u, 255u}) {
      CHECK(write(0x000c, map) == 0, "map refused");
      for (uint32_t w = 0; w < 5; w++) expect(0x0080 + 4 * w, map < MAPS ? shape_word(map, w) : 0);
      bool gated = map < MAPS && GATED >> map & 1, table = map < MAPS && TABLES >> map & 1;
      uint32_t count = read(0x0094).data;
      CHECK(count == (table ? seen_count[map] : 0), "count of map %u is %u", map, count);
      uint32_t failed = read(0x0098).data;
      CHECK(failed == (table ? seen_failed[map] : 0), "failures of map %u are %u", map, failed);
      uint32_t stalls = read(0x00a0).data;
      CHECK(stalls == (gated ? seen_stalls[map] : 0), "stalls of map %u are %u, should be %u", map, stalls, seen_stalls[map]);
      expect(0x00a4, 0);
    }
  }

  void check_counters() {
    uint32_t low = read(0x0020).data;
    CHECK(low == uint32_t(seen_packets), "packets %u, should be %u", low, uint32_t(seen_packets));
    expect(0x0024, 0);
    for (uint32_t a = 0; a < 5; a++) {
      Answer answer = read(0x0030 + 4 * a);
      CHECK(answer.data == seen_actions[a], "action %u: %u, should be %u", a, answer.data, seen_actions[a]);
    }
  }

  Bytes random_bytes(size_t n) {
    Bytes b(n);
    for (auto& x : b) x = uint8_t(rng.next());
    return b;
  }

  void run(int rounds) {
    expect(0x0000, 0x4245454c);
    expect(0x0004, 2);
    expect(0x001c, MAPS);
    for (int i = 0; i < rounds; i++) {
      uint32_t slot = uint32_t(rng.range(0, 3));
      int what = int(rng.range(0, 3));
      if (what == 0) {
        Slot wanted{rng.chance(50), random_bytes(key_size), random_bytes(value_size)};
        write(0x0014, wanted.present);
        put(0x0100, wanted.key);
        put(0x1000, wanted.value);
        request(1, 0, 1, slot);
        expect(0x0018, 0);
        CHECK(slots[slot].present == wanted.present && slots[slot].key == wanted.key && slots[slot].value == wanted.value,
              "slot %u was not written", slot);
      } else if (what == 1) {
        request(0, 0, 1, slot);
        expect(0x0018, 0);
        expect(0x0014, slots[slot].present);
        match(0x0100, slots[slot].key);
        match(0x1000, slots[slot].value);
      } else if (what == 2) {
        // The driver of this test answers with a slot and a status of its own choice.
        answer_slot = uint32_t(rng.next());
        answer_status = rng.chance(50) ? 0 : uint32_t(-rng.range(1, 100));
        Bytes key = random_bytes(key_size), value = random_bytes(value_size);
        put(0x0100, key);
        put(0x1000, value);
        uint32_t op = uint32_t(rng.range(2, 4));
        request(op, uint32_t(rng.range(0, 3)), 2, uint32_t(rng.next()));
        expect(0x0018, answer_status);
        expect(0x0010, answer_slot);
        match(0x0100, key);
        match(0x1000, op == 2 ? slots[answer_slot & 3].value : value);
      } else {
        // Nobody answers: the error number, and the registers as they were.
        Bytes key = random_bytes(key_size), value = random_bytes(value_size);
        write(0x0014, 1);
        put(0x0100, key);
        put(0x1000, value);
        uint32_t map = rng.chance(50) ? 0 : uint32_t(rng.range(3, 255));
        request(uint32_t(rng.range(0, 7)), uint32_t(rng.range(0, 3)), map, slot);
        expect(0x0018, uint32_t(-95));
        expect(0x0010, slot);
        expect(0x0014, 1);
        match(0x0100, key);
        match(0x1000, value);
      }
      check_counters();
      check_maps();
    }
    check_edges();
  }

 private:
  /// What is not there, or may not be written, and byte strobes.
  void check_edges() {
    CHECK(write(0x0000, 1) == 2 && write(0x0020, 1) == 2 && write(0x0018, 1) == 2 && write(0x0094, 1) == 2, "a write to nothing is not refused");
    uint32_t after_key = 0x0100 + uint32_t((key_size + 3) / 4 * 4), after_value = 0x1000 + uint32_t((value_size + 3) / 4 * 4);
    CHECK(write(after_key, 1) == 2 && write(after_value, 1) == 2, "a write behind the end is not refused");
    CHECK(read(after_key).resp == 2 && read(after_value).resp == 2 && read(0x0044).resp == 2 && read(0x009c).resp == 2,
          "a read of nothing is not refused");
    write(0x0010, 0x11223344);
    write(0x0010, 0xaabbccdd, 0b0101);
    expect(0x0010, 0x11bb33dd);
    // A start needs the low byte; flags come only with theirs.
    CHECK(write(0x0008, 1, 0b1110) == 0 && !(read(0x0008).data & 1), "a start without its byte");
    wanted_op = 3, wanted_flags = 0, wanted_map = read(0x000c).data;
    CHECK(write(0x0008, 0x231, 0b0001) == 0, "a start of one byte is refused");
    for (int i = 0; read(0x0008).data & 1; i++) CHECK(i < 100, "busy for ever");
    expect(0x0008, 0x30);
  }

  /// The counters as the register that is read now should show them.
  void snapshot() {
    seen_packets = packets;
    std::memcpy(seen_actions, actions, sizeof actions);
    std::memcpy(seen_stalls, stalls, sizeof stalls);
    std::memcpy(seen_failed, failed, sizeof failed);
    std::memcpy(seen_count, counts, sizeof counts);
  }

  void half() {
    top.retire_valid = rng.chance(30);
    top.retire_code = rng.chance(80) ? uint32_t(rng.range(0, 6)) : uint32_t(rng.next());
    top.map_stall = uint32_t(rng.next() & rng.next() & 0xfff);
    for (uint32_t m = 0; m < MAPS; m++) {
      counts[m] = uint32_t(rng.next());
      set_word(top.map_count, m, counts[m]);
      failed[m] = uint32_t(rng.next());
      set_word(top.map_failed, m, failed[m]);
    }
    int stage = -1;
    if (way > 0 && !token_hold) stage = --way;
    bool at_map = stage == 3, at_value = stage == 2, is_write = top.req_op == 1;
    top.token_done = stage == 0;
    top.found_key_valid = top.found_entry_valid = top.found_value_valid = 0;
    top.req_served = (top.req_map == 1 && top.req_op <= 1) || (top.req_map == 2 && top.req_op >= 2 && top.req_op <= 4);
    Slot& slot = slots[top.req_slot & 3];
    if (stage >= 0) {
      CHECK(top.req_map == wanted_map && top.req_op == wanted_op && top.req_flags == wanted_flags, "the request is not held");
    }
    if (top.req_map == 1 && top.req_served) {
      if (at_map && is_write) {
        slot.present = top.req_present;
        slot.key = get_bytes(top.req_key, key_size);
      } else if (at_map) {
        top.found_key_valid = 1;
        top.found_present = slot.present;
        set_bytes(top.found_key, slot.key, 8 * key_size);
      }
      if (at_value && is_write) slot.value = get_bytes(top.req_value, value_size);
    }
    if (top.req_map == 2 && top.req_served && at_map) {
      top.found_entry_valid = 1;
      top.found_slot = answer_slot;
      top.found_status = answer_status;
    }
    if (top.req_served && at_value && (top.req_op == 0 || top.req_op == 2)) {
      top.found_value_valid = 1;
      set_bytes(top.found_value, slot.value, 8 * value_size);
    }
    settle(top);
  }

  void edge() {
    // One cycle for the register before the adders, one for the adders.
    packets += was_retired;
    if (was_retired) actions[was_code <= 4 ? was_code : 0]++;
    for (uint32_t m = 0; m < MAPS; m++) {
      stalls[m] += was_stall >> (4 * m) & 15;
    }
    was_stall = top.map_stall;
    was_retired = top.retire_valid;
    was_code = top.retire_code;
    if (top.token_insert) {
      tokens++;
      way = 9;
    }
    tick(top);
    settle(top);
  }

  Vtop top;
  size_t key_size, value_size;
  Rng rng;
  Slot slots[4];
  int way = 0, tokens = 0;
  bool token_hold = false, was_retired = false;
  uint32_t was_code = 0;
  uint64_t packets = 0, seen_packets = 0;
  uint32_t actions[5] = {}, seen_actions[5] = {};
  uint32_t wanted_op = 0, wanted_flags = 0, wanted_map = 0, answer_slot = 0, answer_status = 0, was_stall = 0;
  uint32_t stalls[MAPS] = {}, failed[MAPS] = {}, counts[MAPS] = {};
  uint32_t seen_stalls[MAPS] = {}, seen_failed[MAPS] = {}, seen_count[MAPS] = {};
};

}  // namespace

int main(int argc, char** argv) {
  Bench bench(int(option(argc, argv, "key", 4)), int(option(argc, argv, "value", 8)), uint64_t(option(argc, argv, "seed", 1)));
  bench.run(int(option(argc, argv, "rounds", 100)));
  std::printf("ok\n");
}
