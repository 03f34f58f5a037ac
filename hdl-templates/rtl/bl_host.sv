// bl_host: AXI4-Lite window to the maps and counters (register map: docs/rtl-interface.md).
//
// Function    Holds one request; its token travels through the stages while the request registers stand still; captures
//             what a read finds; counts retired packets by action.
// Latency     CTRL written in cycle c (address and data accepted): `token_insert` in cycle c + 1, token in stage 0 in c + 2.
// Throughput  One request at a time; one register access every two cycles in each direction.
// Cuts        s_axil to everything else, retire to the counters. Not cut: `awvalid`, `wvalid` to `awready`, `wready`.
//
// A write to a request register while a request is under way, and any access to an address that is not
// there, changes nothing and answers SLVERR.
`default_nettype none

module bl_host #(
    parameter int KEY_BYTES   = 4,  // longest key of a map, 1 to 256
    parameter int VALUE_BYTES = 8   // longest value of a map, 1 to 61440
) (
    input  wire logic                     clk,
    input  wire logic                     rst,
    input  wire logic [15:0]              s_axil_awaddr,
    input  wire logic                     s_axil_awvalid,
    output logic                          s_axil_awready,
    input  wire logic [31:0]              s_axil_wdata,
    input  wire logic [3:0]               s_axil_wstrb,
    input  wire logic                     s_axil_wvalid,
    output logic                          s_axil_wready,
    output logic      [1:0]               s_axil_bresp,
    output logic                          s_axil_bvalid,
    input  wire logic                     s_axil_bready,
    input  wire logic [15:0]              s_axil_araddr,
    input  wire logic                     s_axil_arvalid,
    output logic                          s_axil_arready,
    output logic      [31:0]              s_axil_rdata,
    output logic      [1:0]               s_axil_rresp,
    output logic                          s_axil_rvalid,
    input  wire logic                     s_axil_rready,
    // Request: static from `token_insert` to `token_done`.
    output logic                          token_insert,       // to the framer, one cycle
    input  wire logic                     token_done,         // the token has left the last stage
    output logic                          req_write,
    output logic      [7:0]               req_map,
    output logic      [31:0]              req_slot,
    output logic                          req_present,
    output logic      [8*KEY_BYTES-1:0]   req_key,
    output logic      [8*VALUE_BYTES-1:0] req_value,
    // What a read found: the OR over the maps of their `host_r*` outputs, each masked with its `host_rvalid`.
    input  wire logic                     found_key_valid,
    input  wire logic                     found_present,
    input  wire logic [8*KEY_BYTES-1:0]   found_key,
    input  wire logic                     found_value_valid,
    input  wire logic [8*VALUE_BYTES-1:0] found_value,
    // From the deparser.
    input  wire logic                     retire_valid,
    input  wire logic [31:0]              retire_code
);
endmodule

`default_nettype wire
