// bl_key_table: finds the slot of a key.
//
// Function    Four banks of 2**DEPTH_LOG2 slots. A key may stand in one slot of each bank, at the index that the bank's
//             H3 hash gives; all four are read and compared at once. Slot number: {bank, index}.
// Latency     A key presented in stage P gives `hit` and `slot` in stage P + 2.
// Throughput  One key per cycle.
// Cuts        Everything: banks are read at the end of stage P, compared in stage P + 1, answer in registers.
//
// H3: index bit i of a bank is the parity of key & mask. MASKS holds the mask of bit i of bank b at
// [(b*DEPTH_LOG2 + i)*KEY_W +: KEY_W]; with DEPTH_LOG2 = 0 it is not used. Only the host writes: its token takes the place
// of a packet in stage P; packets behind see the write. All slots start empty.
`default_nettype none

module bl_key_table #(
    parameter int KEY_W      = 32,  // bits of a key; bit b of byte k is 8*k + b
    parameter int DEPTH_LOG2 = 4,   // log2 of the slots of a bank
    parameter int MASKS_W    = DEPTH_LOG2 > 0 ? 4 * DEPTH_LOG2 * KEY_W : 1,  // derived: leave alone
    parameter logic [MASKS_W-1:0] MASKS = '0
) (
    input  wire logic                  clk,
    // Stage P.
    input  wire logic [KEY_W-1:0]      key,
    input  wire logic                  host_sel,      // a token for this map is in this stage
    input  wire logic                  host_write,
    input  wire logic [DEPTH_LOG2+1:0] host_slot,
    input  wire logic                  host_present,
    input  wire logic [KEY_W-1:0]      host_key,
    // Stage P + 1: what the host's read found.
    output logic                       host_rvalid,
    output logic                       host_rpresent,
    output logic      [KEY_W-1:0]      host_rkey,
    // Stage P + 2.
    output logic                       hit,
    output logic      [DEPTH_LOG2+1:0] slot
);
endmodule

`default_nettype wire
