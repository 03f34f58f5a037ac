// The boundary between the testbench and a Verilated design (prefix Vtop): drives AXI-Stream and AXI4-Lite, collects what
// comes out. The structures are mirrored in rtl/model.rs. A replay of a trace runs by itself, or between register accesses.
#include "Vtop.h"
#include "verilated.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

extern "C" {

struct BlBeat {
    uint8_t data[64];
    uint64_t keep;
    uint32_t packet;
    uint32_t idle;  // cycles without valid before this beat is offered
    uint32_t last;
    uint32_t pad;
};

struct BlMeta {
    uint64_t time_ns;
    uint32_t length;
    uint32_t ifindex;
    uint32_t queue;
    uint32_t pad;
};

struct BlOut {
    uint8_t data[64];
    uint64_t keep;
    uint64_t user;
    uint64_t cycle;
    uint64_t last;
};

struct BlRetire {
    uint64_t cycle;
    uint32_t code;
    uint32_t length;
    uint32_t redirect_map;
    uint32_t redirect_key;
};

}  // extern "C"

namespace {

// A trace on its way through the design.
struct Stream {
    const BlBeat* beats = nullptr;
    uint64_t num_beats = 0;
    const BlMeta* metas = nullptr;
    uint64_t num_packets = 0;
    const uint8_t* ready = nullptr;
    uint64_t ready_len = 0;
    const uint8_t* event_ready = nullptr;
    uint64_t event_ready_len = 0;
    uint64_t beat = 0;        // next one to be accepted
    uint32_t idle = 0;        // cycles until it is offered
    bool first = true;        // it is the first of its packet
    bool loaded = false;      // it is on the bus
    bool offer = false;       // it is offered in this cycle
    uint64_t phase = 0;       // place in the ready pattern
    uint64_t event_phase = 0; // place in that of the events
    bool event_taken = false; // the receiver of events is ready in this cycle
    bool event_waits = false; // a beat of an event was offered and not taken
    uint64_t cycle = 0;
    uint64_t leaving = 0;     // packets that leave, by their retire pulses
    uint64_t left = 0;        // packets that have left
    uint64_t last_event = 0;  // cycle in which something moved last
};

struct Model {
    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vtop> top;
    bool active = false;  // a trace is being replayed
    Stream stream;
    std::vector<BlOut> outs;
    std::vector<BlRetire> retires;
    std::vector<uint64_t> entered;
    std::vector<uint64_t> accepted;  // cycle of each beat
    std::vector<uint64_t> starts;    // cycle of each start of a host request
    std::vector<BlOut> events;

    void rise() {
        top->clk = 1;
        top->eval();
        top->clk = 0;
    }
    void tick() {
        top->eval();
        rise();
    }
    void drive();
    void sample();
    // A cycle: the inputs are there and the outputs settled after begin(), the clock edge comes with end().
    void begin() {
        if (active) drive();
        top->eval();
    }
    void end() {
        if (active) sample();
        rise();
    }
};

void put_user(Vtop& top, const BlMeta& m) {
    top.s_axis_tuser[0] = (m.length & 0xffff) | static_cast<uint32_t>(m.time_ns << 16);
    top.s_axis_tuser[1] = static_cast<uint32_t>(m.time_ns >> 16);
    top.s_axis_tuser[2] = static_cast<uint32_t>(m.time_ns >> 48) | (m.ifindex << 16);
    top.s_axis_tuser[3] = (m.ifindex >> 16) | (m.queue << 16);
    top.s_axis_tuser[4] = m.queue >> 16;
}

// The event stream, which designs without events do not have.
template <typename Top>
void put_event_ready(Top& top, bool ready) requires requires { top.m_event_tready; } {
    top.m_event_tready = ready;
}
template <typename Top>
void put_event_ready(Top&, bool) {}

// What the event stream offers: true if a beat is there.
template <typename Top>
bool event_beat(Top& top, BlOut& o) requires requires { top.m_event_tvalid; } {
    if (!top.m_event_tvalid) return false;
    std::memcpy(o.data, &top.m_event_tdata[0], 64);
    o.keep = top.m_event_tkeep;
    o.user = top.m_event_tuser;
    o.last = top.m_event_tlast;
    return true;
}
template <typename Top>
bool event_beat(Top&, BlOut&) {
    return false;
}

void Model::drive() {
    Stream& s = stream;
    Vtop& t = *top;
    s.offer = false;
    if (s.beat < s.num_beats) {
        if (s.idle > 0) {
            --s.idle;
        } else {
            s.offer = true;
            if (!s.loaded) {
                const BlBeat& b = s.beats[s.beat];
                std::memcpy(&t.s_axis_tdata[0], b.data, 64);
                t.s_axis_tkeep = b.keep;
                t.s_axis_tlast = b.last;
                if (s.first) put_user(t, s.metas[b.packet]);
                s.loaded = true;
            }
        }
    }
    t.s_axis_tvalid = s.offer;
    t.m_axis_tready = s.ready[s.phase];
    if (++s.phase == s.ready_len) s.phase = 0;
    s.event_taken = s.event_ready[s.event_phase];
    put_event_ready(t, s.event_taken);
    if (++s.event_phase == s.event_ready_len) s.event_phase = 0;
}

void Model::sample() {
    Stream& s = stream;
    Vtop& t = *top;
    if (s.offer && t.s_axis_tready) {
        const BlBeat& b = s.beats[s.beat];
        if (s.first) entered[b.packet] = s.cycle;
        accepted[s.beat] = s.cycle;
        s.first = b.last;
        s.loaded = false;
        ++s.beat;
        if (s.beat < s.num_beats) s.idle = s.beats[s.beat].idle;
        s.last_event = s.cycle;
    }
    if (t.m_axis_tvalid && t.m_axis_tready) {
        BlOut o;
        std::memcpy(o.data, &t.m_axis_tdata[0], 64);
        o.keep = t.m_axis_tkeep;
        o.user = t.m_axis_tuser;
        o.cycle = s.cycle;
        o.last = t.m_axis_tlast;
        outs.push_back(o);
        s.left += t.m_axis_tlast;
        s.last_event = s.cycle;
    }
    BlOut event;
    s.event_waits = event_beat(t, event);
    if (s.event_waits && s.event_taken) {
        event.cycle = s.cycle;
        events.push_back(event);
        s.event_waits = false;
        s.last_event = s.cycle;
    }
    if (t.retire_valid) {
        const uint32_t code = t.retire_code;
        retires.push_back({s.cycle, code, t.retire_length, t.retire_redirect_map, t.retire_redirect_key});
        s.leaving += code >= 2 && code <= 4;
        s.last_event = s.cycle;
    }
    ++s.cycle;
}

// Gives up a register access after this many cycles.
constexpr int AXIL_LIMIT = 100000;

// The register that starts a host request.
constexpr uint32_t CTRL = 0x0008;

}  // namespace

extern "C" {

void* bl_new(uint64_t seed) {
    auto* m = new Model;
    m->context = std::make_unique<VerilatedContext>();
    // Only control is reset: nothing may depend on what the other registers come up as.
    m->context->randReset(2);
    m->context->randSeed(static_cast<int>(seed & 0x7fffffff) | 1);
    m->top = std::make_unique<Vtop>(m->context.get());
    m->top->clk = 0;
    m->top->rst = 1;
    m->top->s_axis_tvalid = 0;
    m->top->m_axis_tready = 0;
    put_event_ready(*m->top, false);
    m->top->s_axil_awvalid = 0;
    m->top->s_axil_wvalid = 0;
    m->top->s_axil_bready = 0;
    m->top->s_axil_arvalid = 0;
    m->top->s_axil_rready = 0;
    for (int i = 0; i < 4; ++i) m->tick();
    m->top->rst = 0;
    m->tick();
    return m;
}

void bl_free(void* p) {
    auto* m = static_cast<Model*>(p);
    m->top->final();
    delete m;
}

// Response code, or -1 if the design did not answer.
int bl_axil_write(void* p, uint32_t addr, uint32_t data) {
    auto& m = *static_cast<Model*>(p);
    auto& t = *m.top;
    t.s_axil_awaddr = addr;
    t.s_axil_awvalid = 1;
    t.s_axil_wdata = data;
    t.s_axil_wstrb = 0xf;
    t.s_axil_wvalid = 1;
    t.s_axil_bready = 1;
    int response = -1;
    for (int i = 0; i < AXIL_LIMIT && response < 0; ++i) {
        m.begin();
        const bool aw = t.s_axil_awvalid && t.s_axil_awready;
        const bool w = t.s_axil_wvalid && t.s_axil_wready;
        if (t.s_axil_bvalid) response = t.s_axil_bresp;
        if (m.active && aw && w && addr == CTRL && (data & 1)) m.starts.push_back(m.stream.cycle);
        m.end();
        if (aw) t.s_axil_awvalid = 0;
        if (w) t.s_axil_wvalid = 0;
    }
    t.s_axil_awvalid = 0;
    t.s_axil_wvalid = 0;
    t.s_axil_bready = 0;
    return response;
}

int bl_axil_read(void* p, uint32_t addr, uint32_t* data) {
    auto& m = *static_cast<Model*>(p);
    auto& t = *m.top;
    t.s_axil_araddr = addr;
    t.s_axil_arvalid = 1;
    t.s_axil_rready = 1;
    int response = -1;
    for (int i = 0; i < AXIL_LIMIT && response < 0; ++i) {
        m.begin();
        const bool ar = t.s_axil_arvalid && t.s_axil_arready;
        if (t.s_axil_rvalid) {
            *data = t.s_axil_rdata;
            response = t.s_axil_rresp;
        }
        m.end();
        if (ar) t.s_axil_arvalid = 0;
    }
    t.s_axil_arvalid = 0;
    t.s_axil_rready = 0;
    return response;
}

// Starts the replay of `beats`; `ready` and `event_ready` are the ready patterns of packets and events, repeated. All of them must live until bl_finish has
// returned. Each cycle of a register access from here on is one of the replay.
void bl_start(void* p, const BlBeat* beats, uint64_t num_beats, const BlMeta* metas, uint64_t num_packets,
              const uint8_t* ready, uint64_t ready_len, const uint8_t* event_ready, uint64_t event_ready_len) {
    auto& m = *static_cast<Model*>(p);
    m.outs.clear();
    m.retires.clear();
    m.starts.clear();
    m.events.clear();
    m.entered.assign(num_packets, 0);
    m.accepted.assign(num_beats, 0);
    m.stream = Stream{};
    m.stream.beats = beats;
    m.stream.num_beats = num_beats;
    m.stream.metas = metas;
    m.stream.num_packets = num_packets;
    m.stream.ready = ready;
    m.stream.ready_len = ready_len;
    m.stream.event_ready = event_ready;
    m.stream.event_ready_len = event_ready_len;
    m.stream.idle = num_beats ? beats[0].idle : 0;
    m.active = true;
}

// Beats that are still to be accepted.
uint64_t bl_pending(void* p) {
    const Stream& s = static_cast<Model*>(p)->stream;
    return s.num_beats - s.beat;
}

// Runs to the end of the trace. Returns the cycles of the replay, or -1 if nothing happened for `patience` cycles.
int64_t bl_finish(void* p, uint64_t patience) {
    auto& m = *static_cast<Model*>(p);
    const Stream& s = m.stream;
    while (m.retires.size() < s.num_packets || s.left < s.leaving || s.event_waits) {
        if (s.cycle - s.last_event > patience) break;
        m.begin();
        m.end();
    }
    const bool stuck = m.retires.size() < s.num_packets || s.left < s.leaving || s.event_waits;
    m.active = false;
    m.top->s_axis_tvalid = 0;
    m.top->m_axis_tready = 0;
    put_event_ready(*m.top, false);
    return stuck ? -1 : static_cast<int64_t>(s.cycle);
}

const BlOut* bl_outs(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.outs.size();
    return m.outs.data();
}

const BlOut* bl_events(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.events.size();
    return m.events.data();
}

const BlRetire* bl_retires(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.retires.size();
    return m.retires.data();
}

const uint64_t* bl_entered(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.entered.size();
    return m.entered.data();
}

const uint64_t* bl_accepted(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.accepted.size();
    return m.accepted.data();
}

const uint64_t* bl_starts(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.starts.size();
    return m.starts.data();
}

}  // extern "C"
