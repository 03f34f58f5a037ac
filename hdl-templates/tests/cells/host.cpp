// Random AXI4-Lite traffic on bl_host, with a map of a few slots at the end of a token's way and packets retiring
// all the time; every answer is compared with a model of the register map.
#include "bench.h"

namespace {

struct Slot {
  bool present = false;
  Bytes key, value;
};

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
    top.token_done = top.found_key_valid = top.found_value_valid = top.retire_valid = 0;
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
  void request(bool is_write) {
    token_hold = rng.chance(30);
    CHECK(write(0x0008, is_write ? 3 : 1) == 0, "start is refused");
    if (token_hold) {
      expect(0x0008, 1);
      CHECK(write(0x0010, 0xffff) == 2 && write(0x0008, 1) == 2, "a write while busy is not refused");
      token_hold = false;
    }
    for (int i = 0; read(0x0008).data & 1; i++) CHECK(i < 100, "busy for ever");
    CHECK(tokens == 1, "%d tokens for one request", tokens);
    tokens = 0;
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
    expect(0x0004, 1);
    for (int i = 0; i < rounds; i++) {
      uint32_t slot = uint32_t(rng.range(0, 3));
      CHECK(write(0x000c, 5) == 0 && write(0x0010, slot) == 0, "map or slot refused");
      expect(0x000c, 5);
      expect(0x0010, slot);
      if (rng.chance(50)) {
        Slot wanted{rng.chance(50), random_bytes(key_size), random_bytes(value_size)};
        write(0x0014, wanted.present);
        put(0x0100, wanted.key);
        put(0x1000, wanted.value);
        request(true);
        CHECK(slots[slot].present == wanted.present && slots[slot].key == wanted.key && slots[slot].value == wanted.value,
              "slot %u was not written", slot);
      } else {
        request(false);
        expect(0x0014, slots[slot].present);
        match(0x0100, slots[slot].key);
        match(0x1000, slots[slot].value);
      }
      check_counters();
    }
    check_edges();
  }

 private:
  /// What is not there, or may not be written, and byte strobes.
  void check_edges() {
    CHECK(write(0x0000, 1) == 2 && write(0x0020, 1) == 2 && write(0x0018, 1) == 2, "a write to nothing is not refused");
    uint32_t after_key = 0x0100 + uint32_t((key_size + 3) / 4 * 4), after_value = 0x1000 + uint32_t((value_size + 3) / 4 * 4);
    CHECK(write(after_key, 1) == 2 && write(after_value, 1) == 2, "a write behind the end is not refused");
    CHECK(read(after_key).resp == 2 && read(after_value).resp == 2 && read(0x0044).resp == 2, "a read of nothing is not refused");
    write(0x0010, 0x11223344);
    write(0x0010, 0xaabbccdd, 0b0101);
    expect(0x0010, 0x11bb33dd);
  }

  /// The counters as the register that is read now should show them.
  void snapshot() {
    seen_packets = packets;
    std::memcpy(seen_actions, actions, sizeof actions);
  }

  void half() {
    top.retire_valid = rng.chance(30);
    top.retire_code = rng.chance(80) ? uint32_t(rng.range(0, 6)) : uint32_t(rng.next());
    int stage = -1;
    if (way > 0 && !token_hold) stage = --way;
    bool at_map = stage == 3, at_value = stage == 2;
    top.token_done = stage == 0;
    top.found_key_valid = top.found_value_valid = 0;
    Slot& slot = slots[top.req_slot & 3];
    if (at_map || at_value) CHECK(top.req_map == 5, "map number is not held");
    if (at_map && top.req_write) {
      slot.present = top.req_present;
      slot.key = get_bytes(top.req_key, key_size);
    } else if (at_map) {
      top.found_key_valid = 1;
      top.found_present = slot.present;
      set_bytes(top.found_key, slot.key, 8 * key_size);
    }
    if (at_value && top.req_write) {
      slot.value = get_bytes(top.req_value, value_size);
    } else if (at_value) {
      top.found_value_valid = 1;
      set_bytes(top.found_value, slot.value, 8 * value_size);
    }
    settle(top);
  }

  void edge() {
    // One cycle for the register before the adders, one for the adders.
    packets += was_retired;
    if (was_retired) actions[was_code <= 4 ? was_code : 0]++;
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
};

}  // namespace

int main(int argc, char** argv) {
  Bench bench(int(option(argc, argv, "key", 4)), int(option(argc, argv, "value", 8)), uint64_t(option(argc, argv, "seed", 1)));
  bench.run(int(option(argc, argv, "rounds", 100)));
  std::printf("ok\n");
}
