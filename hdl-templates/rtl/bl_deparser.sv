// bl_deparser: turns descriptors and stored beats back into packets.
//
// Function    Takes the descriptor of each packet from the last stage (it holds the descriptor FIFO), walks over the packet
//             one source beat at a time, patches written bytes in, clears bytes that never existed, shifts to the new
//             start (ALIGN), and retires the packet with its last step. Timing: docs/rtl-interface.md.
// Latency     A descriptor pushed in cycle c starts in cycle c + 1; a source beat of cycle c is on m_axis in cycle c + 1, with
//             ALIGN = 1 two cycles or more after it was taken.
// Throughput  One source beat per cycle.
// Cuts        Descriptor to m_axis, packet FIFO to m_axis. Not cut: `m_axis_tready` to `pkt_pop` and `retire_*`.
//
// `start`, `end` and `valid_end` are signed coordinates: 0 is the first byte of the packet as it arrived. Coordinate
// c of the patches is at index c + HEADROOM.
`default_nettype none

module bl_deparser #(
    parameter int BUS_BYTES  = 64,  // bytes of a beat; a power of two, at least 8
    parameter int HEADROOM   = 0,   // bytes before the packet that the program can write
    parameter int WINDOW     = 64,  // leading bytes of the packet that the program can write, at least 1
    parameter int DESC_DEPTH = 16,  // descriptors; a power of two
    parameter bit ALIGN      = 0,   // 1: `desc_start` is not always 0
    parameter logic [HEADROOM+WINDOW-1:0] PATCH_MASK = '1  // coordinates that are ever written; the others cost nothing
) (
    input  wire logic                           clk,
    input  wire logic                           rst,
    // From the last boundary. No ready: the framer's credits keep room.
    input  wire logic                           desc_push,
    input  wire logic [15:0]                    desc_length,        // as it arrived
    input  wire logic [17:0]                    desc_start,         // signed; tie to 0 with ALIGN = 0
    input  wire logic [17:0]                    desc_end,           // signed
    input  wire logic [17:0]                    desc_valid_end,     // signed
    input  wire logic [31:0]                    desc_action,
    input  wire logic [7:0]                     desc_redirect_map,
    input  wire logic [31:0]                    desc_redirect_key,
    input  wire logic [8*(HEADROOM+WINDOW)-1:0] patch_data,
    input  wire logic [HEADROOM+WINDOW-1:0]     patch_en,
    // Packet FIFO.
    input  wire logic                           pkt_valid,
    input  wire logic [8*BUS_BYTES-1:0]         pkt_data,
    output logic                                pkt_pop,
    // Packets out. `tuser` is {redirect key[31:0], redirect map[7:0], action[7:0], length[15:0]}.
    output logic      [8*BUS_BYTES-1:0]         m_axis_tdata,
    output logic      [BUS_BYTES-1:0]           m_axis_tkeep,
    output logic                                m_axis_tvalid,
    input  wire logic                           m_axis_tready,
    output logic                                m_axis_tlast,
    output logic      [63:0]                    m_axis_tuser,
    // One pulse per packet, in the cycle of its last step. `retire_valid` is also the framer's `desc_pop`.
    output logic                                retire_valid,
    output logic      [31:0]                    retire_code,
    output logic      [15:0]                    retire_length,
    output logic      [7:0]                     retire_redirect_map,
    output logic      [31:0]                    retire_redirect_key
);
endmodule

`default_nettype wire
