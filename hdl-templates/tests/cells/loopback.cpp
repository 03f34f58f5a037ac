// Drives framer, packet FIFO and deparser with random packets, verdicts, gaps and back-pressure, and compares every
// cycle with a model of the timing rules of docs/rtl-interface.md.
#include "bench.h"

namespace {

struct Packet {
  Bytes bytes;
  uint64_t timestamp;
  uint32_t ifindex, queue;
  // Verdict.
  uint32_t action, redirect_key;
  uint8_t redirect_map;
  int start, end, valid_end;
  Bytes patch_data;            // by coordinate + headroom
  std::vector<bool> patch_en;  // by coordinate + headroom
  Bytes output;

  int length() const { return int(bytes.size()); }
  bool leaves() const { return action >= 2 && action <= 4; }
};

int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int ceil_div(int a, int b) { return -floor_div(-a, b); }

struct Shape {
  int window, headroom, stages, desc_depth, pkt_depth;
  bool align;
  uint64_t patch_step;  // every how many coordinates can be patched; 0: none
};

bool patchable(const Shape& shape, int index) { return shape.patch_step && index % int(shape.patch_step) == 0; }

int random_length(Rng& rng) {
  switch (rng.range(0, 9)) {
    case 0: return int(rng.range(14, 63));
    case 1: return int(64 * rng.range(1, 6) + rng.range(-1, 1));
    case 2: return int(rng.range(60, 300));
    case 3: return rng.chance(20) ? int(rng.range(1500, 9000)) : 64;
    default: return 64;
  }
}

void set_output(const Shape& shape, Packet& p) {
  for (int c = p.start; c < p.end; c++) {
    int index = c + shape.headroom;
    bool patched = index >= 0 && index < shape.headroom + shape.window && p.patch_en[index];
    bool stored = c >= 0 && c < std::min(p.length(), p.valid_end);
    p.output.push_back(patched ? p.patch_data[index] : stored ? p.bytes[c] : 0);
  }
}

/// Up to `most` bytes down or up.
int random_start(Rng& rng, const Packet& p, int most) {
  if (rng.chance(10)) return -64;
  return int(rng.range(-most, std::min(p.length() - 1, most)));
}

/// A plain packet is sent as it came, but from a start near 0.
Packet random_packet(Rng& rng, const Shape& shape, bool plain) {
  Packet p;
  p.bytes.resize(random_length(rng));
  for (auto& b : p.bytes) b = uint8_t(rng.next());
  p.timestamp = rng.next();
  p.ifindex = uint32_t(rng.next());
  p.queue = uint32_t(rng.next());
  p.action = plain ? 3 : rng.chance(20) ? uint32_t(rng.range(0, 1)) : uint32_t(rng.range(2, 4));
  if (!plain && rng.chance(5)) p.action = uint32_t(rng.range(5, 1000000));
  p.redirect_key = uint32_t(rng.next());
  p.redirect_map = uint8_t(rng.next());
  p.start = 0;
  p.end = p.valid_end = p.length();
  if (plain && shape.align) p.start = random_start(rng, p, 64);
  if (!plain) {
    if (shape.align && rng.chance(70)) p.start = random_start(rng, p, rng.chance(50) ? 64 : 216);
    if (rng.chance(40)) p.end += int(rng.range(-p.length() - p.start, 200));
    p.end = std::max(p.end, p.start + 1);
    if (rng.chance(30)) p.valid_end = int(rng.range(-20, p.length()));
  }
  int span = shape.headroom + shape.window;
  p.patch_data.resize(span);
  p.patch_en.resize(span);
  bool any = !plain && rng.chance(60);
  for (int i = 0; i < span; i++) {
    p.patch_data[i] = uint8_t(rng.next());
    p.patch_en[i] = any && patchable(shape, i) && rng.chance(50);
  }
  set_output(shape, p);
  return p;
}

/// The timing rules, cycle by cycle.
class Model {
 public:
  Model(const Shape& s, const std::vector<Packet>& p) : shape(s), packets(p) {}

  struct Outputs {
    bool s_ready, out_valid, retire, m_valid;
    int stage0 = -1, retired = -1, m_packet = -1, m_beat = -1;
  };

  /// What the hardware must show in this cycle, given its inputs.
  Outputs outputs(bool token, bool m_ready) {
    Outputs o{};
    o.s_ready = pkt_count < shape.pkt_depth && inflight < shape.desc_depth && !token;
    o.out_valid = stage0 >= 0;
    o.stage0 = stage0;
    decide(m_ready);
    o.retire = steps && k == k_end_step() - 1;
    o.retired = o.retire ? head : -1;
    o.m_valid = out_valid;
    o.m_packet = out_packet;
    o.m_beat = out_beat;
    return o;
  }

  /// The edge at the end of the cycle. `accepted`: a beat was taken, `last`: it was its packet's last.
  void advance(bool accepted, bool last, bool m_ready) {
    bool retire = steps && k == k_end_step() - 1;
    bool popped = steps && pops;
    if (out_valid && m_ready) out_valid = false;
    if (mix_valid && !out_valid) {
      load(mix_packet, mix_beat);
      mix_valid = false;
    }
    if (consumes && hold_beat < outputs_of(hold_packet)) {
      CHECK(!mix_valid, "the model overran its own mix register");
      mix_valid = true;
      mix_packet = hold_packet;
      mix_beat = hold_beat;
    }
    if (consumes) hold_valid = false;
    if (steps && emits) {
      int beat = k - first_emit(head);
      if (shape.align) {
        hold_valid = true;
        hold_packet = head;
        hold_beat = beat;
      } else {
        load(head, beat);
      }
    }
    if (steps) k++;
    if (retire) {
      head++;
      started = false;
    }
    if (popped) beats.pop_front();
    stage0 = -1;
    if (accepted) {
      beats.push_back(cycle + 2);
      int window_beats = std::max(1, ceil_div(shape.window, 64));
      if (place == window_beats - 1 || (last && place < window_beats - 1)) {
        stage0 = complete++;
        visible.push_back(cycle + 2 + shape.stages);
        inflight++;
      }
      place = last ? 0 : place + 1;
    }
    pkt_count += int(accepted) - int(popped);
    inflight -= int(retire);
  }

  int retired() const { return head; }

 private:
  bool down(int p) const { return packets[p].start < 0; }
  int first_emit(int p) const { return floor_div(packets[p].start, 64) + (down(p) ? 1 : 0); }
  int emit_end(int p) const { return down(p) ? first_emit(p) + outputs_of(p) : ceil_div(packets[p].end, 64); }
  int outputs_of(int p) const { return ceil_div(packets[p].end - packets[p].start, 64); }
  int in_beats() const { return ceil_div(packets[head].length(), 64); }
  int k_end_step() const { return packets[head].leaves() ? std::max(in_beats(), emit_end(head)) : in_beats(); }

  void load(int packet, int beat) {
    CHECK(!out_valid, "the model overran its own output register");
    out_valid = true;
    out_packet = packet;
    out_beat = beat;
  }

  void decide(bool m_ready) {
    bool room = !out_valid || m_ready;
    bool mix_room = !mix_valid || room;
    bool whole = hold_valid && (down(hold_packet) || hold_beat == emit_end(hold_packet) - first_emit(hold_packet) - 1);
    bool hold_room = hold_valid && (hold_beat >= outputs_of(hold_packet) || mix_room);
    steps = pops = emits = false;
    if (head < int(visible.size()) && visible[head] <= cycle) {
      const Packet& p = packets[head];
      if (!started) k = p.leaves() ? std::min(0, first_emit(head)) : 0;
      started = true;
      pops = k >= 0 && k < in_beats();
      emits = p.leaves() && k >= first_emit(head) && k < emit_end(head);
      bool beat_there = !beats.empty() && beats.front() <= cycle;
      bool may_emit = shape.align ? !hold_valid || hold_room : room;
      steps = (!pops || beat_there) && (!emits || may_emit);
    }
    consumes = hold_room && (whole || (steps && emits));
  }

  const Shape& shape;
  const std::vector<Packet>& packets;
  int pkt_count = 0, inflight = 0;
  int place = 0, complete = 0, stage0 = -1;
  std::deque<uint64_t> beats;     // cycle from which each stored beat can be popped
  std::vector<uint64_t> visible;  // cycle from which each packet's descriptor is seen
  int head = 0, k = 0;
  bool started = false, steps = false, pops = false, emits = false, consumes = false;
  bool hold_valid = false, mix_valid = false, out_valid = false;
  int hold_packet = 0, hold_beat = 0, mix_packet = 0, mix_beat = 0, out_packet = 0, out_beat = 0;
};

void check_stage0(const Vtop& top, const Shape& shape, const Packet& p, int number) {
  Bytes window(shape.window, 0);
  std::copy_n(p.bytes.begin(), std::min(p.length(), shape.window), window.begin());
  CHECK(get_bytes(top.out_window, shape.window) == window, "window of packet %d", number);
  CHECK(top.out_length == p.length(), "length of packet %d", number);
  CHECK(top.out_timestamp == p.timestamp && top.out_ifindex == p.ifindex && top.out_queue == p.queue, "metadata");
  CHECK(int(top.out_packet_index) == number, "number of packet %d", number);
}

void check_output(const Vtop& top, const Packet& p, int beat) {
  int from = 64 * beat, count = std::min(64, int(p.output.size()) - from);
  Bytes data = get_bytes(top.m_axis_tdata, 64);
  CHECK(std::equal(data.begin(), data.begin() + count, p.output.begin() + from), "output beat %d, start %d", beat, p.start);
  CHECK(top.m_axis_tkeep == (count == 64 ? ~0ull : (1ull << count) - 1), "tkeep of output beat %d", beat);
  CHECK(bool(top.m_axis_tlast) == (from + count == int(p.output.size())), "tlast of output beat %d", beat);
  uint64_t user = uint64_t(p.redirect_key) << 32 | uint64_t(p.redirect_map) << 24 | p.action << 16 | p.output.size();
  CHECK(top.m_axis_tuser == user, "tuser of output beat %d", beat);
}

void check_retire(const Vtop& top, const Packet& p) {
  CHECK(top.retire_code == p.action && top.retire_length == p.output.size(), "retired code or length");
  CHECK(top.retire_redirect_map == p.redirect_map && top.retire_redirect_key == p.redirect_key, "retired target");
}

void drive_beat(Vtop& top, const Packet& p, int beat) {
  Bytes data(64, 0xa5);  // what lies behind the packet's end must not matter
  int count = std::min(64, p.length() - 64 * beat);
  std::copy_n(p.bytes.begin() + 64 * beat, count, data.begin());
  set_bytes(top.s_axis_tdata, data, 512);
  top.s_axis_tkeep = count == 64 ? ~0ull : (1ull << count) - 1;
  top.s_axis_tlast = 64 * beat + 64 >= p.length();
  Bytes user(18);
  uint16_t length = uint16_t(p.length());
  std::memcpy(&user[0], &length, 2);
  std::memcpy(&user[2], &p.timestamp, 8);
  std::memcpy(&user[10], &p.ifindex, 4);
  std::memcpy(&user[14], &p.queue, 4);
  set_bytes(top.s_axis_tuser, user, 144);
}

void drive_descriptor(Vtop& top, const Shape& shape, const Packet* p, Rng& rng) {
  top.desc_push = p != nullptr;
  if (!p) {
    top.desc_action = uint32_t(rng.next());  // nothing may depend on an empty slot
    return;
  }
  top.desc_length = uint16_t(p->length());
  top.desc_start = uint32_t(p->start) & 0x3ffff;
  top.desc_end = uint32_t(p->end) & 0x3ffff;
  top.desc_valid_end = uint32_t(p->valid_end) & 0x3ffff;
  top.desc_action = p->action;
  top.desc_redirect_map = p->redirect_map;
  top.desc_redirect_key = p->redirect_key;
  int span = shape.headroom + shape.window;
  Bytes enables((span + 7) / 8, 0);
  for (int i = 0; i < span; i++) enables[i / 8] |= uint8_t(p->patch_en[i] << (i % 8));
  set_bytes(top.patch_en, enables, span);
  set_bytes(top.patch_data, p->patch_data, 8 * span);
}

void run(Vtop& top, const Shape& shape, int count, Rng& rng, int gap, int stall, bool plain) {
  std::vector<Packet> packets;
  size_t beats = 0, longer_sides = 0;
  for (int i = 0; i < count; i++) packets.push_back(random_packet(rng, shape, plain));
  for (auto& p : packets) beats += p.bytes.size() / 64 + p.output.size() / 64 + 8;
  for (auto& p : packets) longer_sides += (std::max(p.bytes.size(), p.output.size()) + 63) / 64;

  top.rst = 1;
  top.s_axis_tvalid = top.m_axis_tready = top.token_insert = top.desc_push = 0;
  for (int i = 0; i < 3; i++) settle(top), tick(top);
  top.rst = 0;
  cycle = 0;

  Model model(shape, packets);
  std::deque<int> stages(shape.stages, -1);  // packet in each stage's boundary registers
  int next = 0, beat = 0;
  bool offered = false, token_before = false;
  int busy_gap = gap, busy_stall = stall;
  uint64_t limit = 1000 + beats * 100ull / uint64_t(101 - std::min(100, gap)) * 100ull / uint64_t(101 - std::min(100, stall)) * 4;
  while (model.retired() < count || top.m_axis_tvalid) {
    CHECK(cycle < limit, "no end: %d of %d packets retired", model.retired(), count);
    if (cycle % 64 == 0) {  // phases: sometimes full speed, sometimes slow
      busy_gap = rng.chance(30) ? 0 : gap;
      busy_stall = rng.chance(30) ? 0 : stall;
    }
    if (!offered && next < count && !rng.chance(busy_gap)) {
      drive_beat(top, packets[next], beat);
      offered = true;
    }
    top.s_axis_tvalid = offered;
    top.token_insert = gap > 0 && rng.chance(3);
    top.m_axis_tready = !rng.chance(busy_stall);
    int pushed = stages.back();
    drive_descriptor(top, shape, pushed >= 0 ? &packets[pushed] : nullptr, rng);

    settle(top);
    auto want = model.outputs(top.token_insert, top.m_axis_tready);
    CHECK(bool(top.s_axis_tready) == want.s_ready, "s_axis_tready should be %d", want.s_ready);
    CHECK(bool(top.out_valid) == want.out_valid, "stage 0 should hold %d", want.stage0);
    CHECK(bool(top.out_token) == token_before, "token in stage 0");
    CHECK(bool(top.retire_valid) == want.retire, "retire_valid should be %d", want.retire);
    CHECK(bool(top.m_axis_tvalid) == want.m_valid, "m_axis_tvalid should be %d", want.m_valid);
    if (want.out_valid) check_stage0(top, shape, packets[want.stage0], want.stage0);
    if (want.retire) check_retire(top, packets[want.retired]);
    if (want.m_valid) check_output(top, packets[want.m_packet], want.m_beat);

    bool accepted = offered && top.s_axis_tready;
    bool last = top.s_axis_tlast;
    token_before = top.token_insert;
    model.advance(accepted, last, top.m_axis_tready);
    stages.pop_back();
    stages.push_front(want.stage0);
    if (accepted) {
      offered = false;
      beat = last ? 0 : beat + 1;
      next += last;
    }
    tick(top);
    settle(top);
  }
  // Without a way to wait, a packet takes as many cycles as it has beats, on its longer side.
  if (plain && gap == 0 && stall == 0 && shape.pkt_depth >= 512) {
    size_t most = longer_sides + size_t(shape.stages + ceil_div(shape.window, 64)) + 8;
    CHECK(cycle <= most, "%d packets took %llu cycles, not %zu", count, (unsigned long long)cycle, most);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  shape.window = int(option(argc, argv, "window", 64));
  shape.headroom = int(option(argc, argv, "headroom", 0));
  shape.stages = int(option(argc, argv, "stages", 5));
  shape.desc_depth = int(option(argc, argv, "desc_depth", 16));
  shape.pkt_depth = int(option(argc, argv, "pkt_depth", 512));
  shape.align = option(argc, argv, "align", 0) != 0;
  shape.patch_step = uint64_t(option(argc, argv, "patch_step", 1));
  int count = int(option(argc, argv, "packets", 500));
  Vtop top;
  Rng rng{uint64_t(option(argc, argv, "seed", 1))};
  run(top, shape, count, rng, 0, 0, true);
  run(top, shape, count, rng, 0, 0, false);
  run(top, shape, count, rng, 50, 0, false);
  run(top, shape, count, rng, 0, 50, false);
  run(top, shape, count, rng, 30, 30, false);
  run(top, shape, count, rng, 20, 90, false);
  top.final();
  std::printf("ok\n");
}
