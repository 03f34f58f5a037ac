// Drives the acl design as a user would: fills a map through the host interface, sends packets back to back, looks at
// what comes out, and reads the counters. Argument: the slot of the listed address.
#include "Vtop.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static Vtop top;
static const unsigned char LISTED[6] = {2, 0, 0, 0, 0, 7};

static void fail(const char* what) {
    printf("%s\n", what);
    exit(1);
}

static void tick() {
    top.clk = 0;
    top.eval();
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
}

static void host_write(unsigned address, unsigned data) {
    top.s_axil_awaddr = address;
    top.s_axil_wdata = data;
    top.s_axil_wstrb = 15;
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = 1;
    for (int n = 0; n < 100; n++) {
        top.eval();
        bool address_taken = top.s_axil_awready, data_taken = top.s_axil_wready;
        bool done = top.s_axil_bvalid && !top.s_axil_awvalid && !top.s_axil_wvalid;
        if (done && top.s_axil_bresp) fail("a host write is refused");
        tick();
        if (address_taken) top.s_axil_awvalid = 0;
        if (data_taken) top.s_axil_wvalid = 0;
        if (done) return;
    }
    fail("a host write does not end");
}

static unsigned host_read(unsigned address) {
    top.s_axil_araddr = address;
    top.s_axil_arvalid = top.s_axil_rready = 1;
    for (int n = 0; n < 100; n++) {
        top.eval();
        bool taken = top.s_axil_arready, done = top.s_axil_rvalid;
        unsigned data = top.s_axil_rdata;
        if (done && top.s_axil_rresp) fail("a host read is refused");
        tick();
        if (taken) top.s_axil_arvalid = 0;
        if (done) return data;
    }
    fail("a host read does not end");
    return 0;
}

static void request(unsigned map, unsigned slot, bool write) {
    host_write(0x000c, map);
    host_write(0x0010, slot);
    host_write(0x0008, write ? 0x11 : 1);
    for (int n = 0; host_read(0x0008) & 1; n++)
        if (n > 100) fail("a request does not end");
}

struct Packet {
    unsigned char bytes[64];
    bool listed;
};

static Packet make(int n) {
    Packet p{};
    for (int i = 0; i < 64; i++) p.bytes[i] = n + 3 * i;
    memcpy(p.bytes + 6, LISTED, 6);
    p.listed = n % 3 != 0;
    if (!p.listed) p.bytes[9] ^= 1;
    return p;
}

int main(int, char** argv) {
    unsigned slot = atoi(argv[1]);
    top.rst = 1;
    tick();
    tick();
    top.rst = 0;
    top.m_axis_tready = 1;

    host_write(0x0014, 1);
    host_write(0x0100, LISTED[0] | LISTED[1] << 8 | LISTED[2] << 16 | LISTED[3] << 24);
    host_write(0x0104, LISTED[4] | LISTED[5] << 8);
    host_write(0x1000, 2);
    request(1, slot, true);

    const int COUNT = 40;
    int sent = 0, received = 0, first = 0;
    for (int cycle = 0; received < COUNT; cycle++) {
        if (cycle > 200) fail("packets are missing");
        top.s_axis_tvalid = sent < COUNT;
        top.s_axis_tlast = 1;
        Packet p = make(sent);
        memcpy(&top.s_axis_tdata[0], p.bytes, 64);
        top.s_axis_tkeep = ~0ull;
        memset(&top.s_axis_tuser[0], 0, 18);
        top.s_axis_tuser[0] = 64;
        top.eval();
        if (top.m_axis_tvalid) {
            Packet expected = make(received);
            if (expected.listed) {
                unsigned char dest[6];
                memcpy(dest, expected.bytes, 6);
                memcpy(expected.bytes, expected.bytes + 6, 6);
                memcpy(expected.bytes + 6, dest, 6);
            }
            if (memcmp(&top.m_axis_tdata[0], expected.bytes, 64)) fail("wrong bytes");
            unsigned action = top.m_axis_tuser >> 16 & 255;
            if (action != (expected.listed ? 3u : 2u)) fail("wrong action");
            if (received == 0) first = cycle;
            if (cycle != first + received) fail("not one packet per clock");
            received++;
        }
        bool taken = top.s_axis_tvalid && top.s_axis_tready;
        tick();
        sent += taken;
    }

    request(0, 2, false);
    unsigned listed = 0;
    for (int n = 0; n < COUNT; n++) listed += make(n).listed;
    if (host_read(0x1000) != listed || host_read(0x1008) != 64 * listed) fail("wrong counters");
    request(1, slot, false);
    if (host_read(0x0014) != 1 || host_read(0x1000) != 2 || (host_read(0x0104) & 0xffff) != 0x0700) fail("wrong entry");
    if (host_read(0x0020) != COUNT || host_read(0x0030 + 4 * 3) != listed) fail("wrong packet counts");
    printf("ok\n");
}
