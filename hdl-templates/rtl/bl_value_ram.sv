// bl_value_ram: the values of one map, a whole value per row.
//
// Function    A packet presents `index` in stage P and has the row in stage P + 1; a changed row goes back at the end of
//             stage P + 1. The row includes what the packet one clock ahead wrote (forwarding).
// Latency     One stage.
// Throughput  One read-modify-write per cycle, on any rows, the same row included.
// Cuts        `index` to `row`. Not cut: `row` to `wr_row`, which is the map's own action logic.
//
// A host token (`host_sel`) takes the place of a packet: it reads its row (`host_rvalid` with `row`, stage P + 1) or writes
// it. With WRITABLE = 0 only the host writes, and there is nothing to forward. All rows start as INIT. A row
// read at an index that is not below DEPTH is undefined; such an index must not be written.
`default_nettype none

module bl_value_ram #(
    parameter int               WIDTH    = 64,  // bits of a row
    parameter int               DEPTH    = 16,  // rows, at least 1
    parameter bit               WRITABLE = 1,   // 1 if packets write
    parameter logic [WIDTH-1:0] INIT     = '0,  // first content of every row
    parameter int               INDEX_W  = DEPTH > 1 ? $clog2(DEPTH) : 1  // derived: leave alone
) (
    input  wire logic               clk,
    // Stage P.
    input  wire logic [INDEX_W-1:0] index,
    input  wire logic               host_sel,    // a token for this map is in this stage
    input  wire logic               host_write,
    input  wire logic [INDEX_W-1:0] host_slot,
    input  wire logic [WIDTH-1:0]   host_row,
    // Stage P + 1.
    output logic      [WIDTH-1:0]   row,
    input  wire logic               wr_en,       // with a valid packet only
    input  wire logic [WIDTH-1:0]   wr_row,
    output logic                    host_rvalid  // `row` is what the host's read found
);
endmodule

`default_nettype wire
