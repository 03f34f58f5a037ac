// The boundary between the testbench and a Verilated design (prefix Vtop): drives AXI-Stream and AXI4-Lite, collects what
// comes out. The structures are mirrored in rtl/model.rs. One call replays a whole trace.
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

struct Model {
    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vtop> top;
    std::vector<BlOut> outs;
    std::vector<BlRetire> retires;
    std::vector<uint64_t> entered;

    void rise() {
        top->clk = 1;
        top->eval();
        top->clk = 0;
    }
    void tick() {
        top->eval();
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

// Gives up a register access after this many cycles.
constexpr int AXIL_LIMIT = 100000;

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
        t.eval();
        const bool aw = t.s_axil_awvalid && t.s_axil_awready;
        const bool w = t.s_axil_wvalid && t.s_axil_wready;
        if (t.s_axil_bvalid) response = t.s_axil_bresp;
        m.rise();
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
        t.eval();
        const bool ar = t.s_axil_arvalid && t.s_axil_arready;
        if (t.s_axil_rvalid) {
            *data = t.s_axil_rdata;
            response = t.s_axil_rresp;
        }
        m.rise();
        if (ar) t.s_axil_arvalid = 0;
    }
    t.s_axil_arvalid = 0;
    t.s_axil_rready = 0;
    return response;
}

// Replays `beats`; `ready` is the output's ready pattern, repeated. Returns the cycles run, or -1 if
// nothing happened for `patience` cycles.
int64_t bl_run(void* p, const BlBeat* beats, uint64_t num_beats, const BlMeta* metas, uint64_t num_packets,
               const uint8_t* ready, uint64_t ready_len, uint64_t patience) {
    auto& m = *static_cast<Model*>(p);
    auto& t = *m.top;
    m.outs.clear();
    m.retires.clear();
    m.entered.assign(num_packets, 0);
    uint64_t beat = 0;
    uint64_t leaving = 0;
    uint64_t left = 0;
    uint64_t last_event = 0;
    uint32_t idle = num_beats ? beats[0].idle : 0;
    bool first = true;
    bool loaded = false;
    uint64_t cycle = 0;
    uint64_t phase = 0;
    for (; m.retires.size() < num_packets || left < leaving; ++cycle) {
        if (cycle - last_event > patience) return -1;
        bool offer = false;
        if (beat < num_beats) {
            if (idle > 0) {
                --idle;
            } else {
                offer = true;
                if (!loaded) {
                    const BlBeat& b = beats[beat];
                    std::memcpy(&t.s_axis_tdata[0], b.data, 64);
                    t.s_axis_tkeep = b.keep;
                    t.s_axis_tlast = b.last;
                    if (first) put_user(t, metas[b.packet]);
                    loaded = true;
                }
            }
        }
        t.s_axis_tvalid = offer;
        t.m_axis_tready = ready[phase];
        if (++phase == ready_len) phase = 0;
        t.eval();
        if (offer && t.s_axis_tready) {
            const BlBeat& b = beats[beat];
            if (first) m.entered[b.packet] = cycle;
            first = b.last;
            loaded = false;
            ++beat;
            if (beat < num_beats) idle = beats[beat].idle;
            last_event = cycle;
        }
        if (t.m_axis_tvalid && t.m_axis_tready) {
            BlOut o;
            std::memcpy(o.data, &t.m_axis_tdata[0], 64);
            o.keep = t.m_axis_tkeep;
            o.user = t.m_axis_tuser;
            o.cycle = cycle;
            o.last = t.m_axis_tlast;
            m.outs.push_back(o);
            left += t.m_axis_tlast;
            last_event = cycle;
        }
        if (t.retire_valid) {
            const uint32_t code = t.retire_code;
            m.retires.push_back({cycle, code, t.retire_length, t.retire_redirect_map, t.retire_redirect_key});
            leaving += code >= 2 && code <= 4;
            last_event = cycle;
        }
        m.rise();
    }
    t.s_axis_tvalid = 0;
    t.m_axis_tready = 0;
    return static_cast<int64_t>(cycle);
}

const BlOut* bl_outs(void* p, uint64_t* n) {
    auto& m = *static_cast<Model*>(p);
    *n = m.outs.size();
    return m.outs.data();
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

}  // extern "C"
