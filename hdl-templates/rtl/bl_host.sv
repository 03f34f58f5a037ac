// bl_host: AXI4-Lite window to the maps and counters (register map: docs/rtl-interface.md).
//
// Function    Holds one request; its token travels through the stages while the request registers stand still; captures
//             what the maps answer; describes the maps; counts retired packets by action, and by map the cycles in which
//             packets waited and the keys for which the table had no place.
// Latency     CTRL written in cycle c (address and data accepted): `token_insert` in cycle c + 1, token in stage 0 in c + 2.
// Throughput  One request at a time; one register access every two cycles in each direction.
// Cuts        s_axil to everything else, retire to the counters. Not cut: `awvalid`, `wvalid` to `awready`, `wready`.
//
// A write to a request register while a request is under way, and any access to an address that is not
// there, changes nothing and answers SLVERR. The registers that describe and count for one map show the map in MAP.
`default_nettype none

module bl_host #(
    parameter int KEY_BYTES   = 4,  // longest key of a map, 1 to 256
    parameter int VALUE_BYTES = 8,  // longest value of a map, 1 to 61440
    parameter int NUM_MAPS    = 0,  // maps of the program, at most 255
    parameter int MAPS_W      = NUM_MAPS > 0 ? NUM_MAPS : 1,  // derived: leave alone
    parameter logic [160*MAPS_W-1:0] MAP_SHAPES = {MAPS_W{160'd0}},  // by map {slots, max_entries, value size, key size, MAP_INFO}, 32 bits each
    parameter logic [MAPS_W-1:0]     GATED      = '0,  // maps for which packets may wait: `map_stall` counts
    parameter logic [MAPS_W-1:0]     TABLES     = '0   // maps whose table places keys itself: `map_count` and `map_failed` are of use
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
    output logic      [2:0]               req_op,             // 0 read slot, 1 write slot, 2 lookup, 3 update, 4 delete
    output logic      [1:0]               req_flags,          // of an update: 0 any, 1 only if absent, 2 only if present
    output logic      [7:0]               req_map,
    output logic      [31:0]              req_slot,
    output logic                          req_present,
    output logic      [8*KEY_BYTES-1:0]   req_key,
    output logic      [8*VALUE_BYTES-1:0] req_value,
    input  wire logic                     req_served,         // a map serves the request as it stands
    // What the maps answer: the OR over the maps of their answers, each masked with its own valid bit. A
    // key is what a slot holds (operation 0), an entry what a table did (operations 2 to 4).
    input  wire logic                     found_key_valid,
    input  wire logic                     found_present,
    input  wire logic [8*KEY_BYTES-1:0]   found_key,
    input  wire logic                     found_entry_valid,
    input  wire logic [31:0]              found_slot,
    input  wire logic [31:0]              found_status,       // 0, or an error number of Linux, negative
    input  wire logic                     found_value_valid,
    input  wire logic [8*VALUE_BYTES-1:0] found_value,
    // Counters of the maps, by map.
    input  wire logic [4*MAPS_W-1:0]      map_stall,          // gates at which a packet waits for the map in this cycle
    input  wire logic [32*MAPS_W-1:0]     map_count,          // keys in the table
    input  wire logic [32*MAPS_W-1:0]     map_failed,         // keys that have found no place
    // From the deparser.
    input  wire logic                     retire_valid,
    input  wire logic [31:0]              retire_code
);
  if (KEY_BYTES < 1 || KEY_BYTES > 256 || VALUE_BYTES < 1 || VALUE_BYTES > 61440) begin : gen_check
    $error("bl_host: KEY_BYTES must be 1 to 256, VALUE_BYTES 1 to 61440");
  end
  if (NUM_MAPS < 0 || NUM_MAPS > 255) begin : gen_check_maps
    $error("bl_host: NUM_MAPS must be 0 to 255");
  end

  localparam int KEY_WORDS   = (KEY_BYTES + 3) / 4;
  localparam int VALUE_WORDS = (VALUE_BYTES + 3) / 4;

  // Word addresses.
  localparam bit [13:0] A_ID         = 14'h0000;
  localparam bit [13:0] A_VERSION    = 14'h0001;
  localparam bit [13:0] A_CTRL       = 14'h0002;
  localparam bit [13:0] A_MAP        = 14'h0003;
  localparam bit [13:0] A_SLOT       = 14'h0004;
  localparam bit [13:0] A_PRESENT    = 14'h0005;
  localparam bit [13:0] A_STATUS     = 14'h0006;
  localparam bit [13:0] A_NUM_MAPS   = 14'h0007;
  localparam bit [13:0] A_PACKETS_LO = 14'h0008;
  localparam bit [13:0] A_PACKETS_HI = 14'h0009;
  localparam bit [13:0] A_ACTION     = 14'h000c;
  localparam bit [13:0] A_MAP_SHAPE  = 14'h0020;
  localparam bit [13:0] A_COUNT      = 14'h0025;
  localparam bit [13:0] A_FAILED     = 14'h0026;
  localparam bit [13:0] A_STALLS_LO  = 14'h0028;
  localparam bit [13:0] A_STALLS_HI  = 14'h0029;
  localparam bit [13:0] A_KEY        = 14'h0040;
  localparam bit [13:0] A_VALUE      = 14'h0400;

  localparam bit [31:0] NOT_SUPPORTED = -32'd95;  // EOPNOTSUPP

  localparam bit [1:0] OKAY   = 2'b00;
  localparam bit [1:0] SLVERR = 2'b10;

  // `old_word` with the bytes of `new_word` that `strobe` selects.
  function automatic logic [31:0] merge(input logic [31:0] old_word, input logic [31:0] new_word, input logic [3:0] strobe);
    for (int i = 0; i < 4; i++) merge[8*i+:8] = strobe[i] ? new_word[8*i+:8] : old_word[8*i+:8];
  endfunction

  // ---------------------------------------------------------------------------------------- request
  logic                      busy_q;
  logic                      insert_q;
  logic [2:0]                op_q;
  logic [1:0]                flags_q;
  logic [7:0]                map_q;
  logic [31:0]               status_q;
  logic [31:0]               slot_q;
  logic                      present_q;
  logic [32*KEY_WORDS-1:0]   key_q;
  logic [32*VALUE_WORDS-1:0] value_q;

  logic        write_go;     // address and data of a write are here and are taken
  logic        write_ok;     // the register is there and no request is under way
  logic [13:0] write_at;
  logic        at_key;
  logic        at_value;
  logic        start;
  logic        bvalid_q;
  logic [1:0]  bresp_q;

  assign write_go       = s_axil_awvalid && s_axil_wvalid && !bvalid_q;
  assign write_at       = s_axil_awaddr[15:2];
  assign s_axil_awready = write_go;
  assign s_axil_wready  = write_go;
  assign s_axil_bvalid  = bvalid_q;
  assign s_axil_bresp   = bresp_q;

  assign at_key   = write_at >= A_KEY && write_at < A_KEY + 14'(KEY_WORDS);
  assign at_value = write_at >= A_VALUE && (write_at - A_VALUE) < 14'(VALUE_WORDS);
  assign start    = write_go && write_ok && write_at == A_CTRL && s_axil_wstrb[0] && s_axil_wdata[0];

  always_comb begin
    unique case (write_at)
      A_CTRL, A_MAP, A_SLOT, A_PRESENT: write_ok = !busy_q;
      default:                          write_ok = !busy_q && (at_key || at_value);
    endcase
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      busy_q   <= 1'b0;
      insert_q <= 1'b0;
      bvalid_q <= 1'b0;
    end else begin
      insert_q <= start;
      if (start) busy_q <= 1'b1;
      else if (token_done) busy_q <= 1'b0;
      if (write_go) bvalid_q <= 1'b1;
      else if (s_axil_bready) bvalid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (write_go) bresp_q <= write_ok ? OKAY : SLVERR;
    if (start) begin
      op_q    <= s_axil_wdata[6:4];
      flags_q <= s_axil_wstrb[1] ? s_axil_wdata[9:8] : 2'd0;
    end
  end

  always_ff @(posedge clk) begin
    if (write_go && write_ok) begin
      if (write_at == A_MAP && s_axil_wstrb[0]) map_q <= s_axil_wdata[7:0];
      if (write_at == A_SLOT) slot_q <= merge(slot_q, s_axil_wdata, s_axil_wstrb);
      if (write_at == A_PRESENT && s_axil_wstrb[0]) present_q <= s_axil_wdata[0];
      for (int w = 0; w < KEY_WORDS; w++) begin
        if (write_at == A_KEY + 14'(w)) key_q[32*w+:32] <= merge(key_q[32*w+:32], s_axil_wdata, s_axil_wstrb);
      end
      for (int w = 0; w < VALUE_WORDS; w++) begin
        if (write_at == A_VALUE + 14'(w)) value_q[32*w+:32] <= merge(value_q[32*w+:32], s_axil_wdata, s_axil_wstrb);
      end
    end
    if (found_key_valid) begin
      present_q <= found_present;
      key_q     <= (32 * KEY_WORDS)'(found_key);
    end
    if (found_value_valid) value_q <= (32 * VALUE_WORDS)'(found_value);
    if (insert_q) status_q <= req_served ? 32'd0 : NOT_SUPPORTED;
    if (found_entry_valid) begin
      slot_q   <= found_slot;
      status_q <= found_status;
    end
  end

  assign token_insert = insert_q;
  assign req_op       = op_q;
  assign req_flags    = flags_q;
  assign req_map      = map_q;
  assign req_slot     = slot_q;
  assign req_present  = present_q;
  assign req_key      = key_q[8*KEY_BYTES-1:0];
  assign req_value    = value_q[8*VALUE_BYTES-1:0];

  // ---------------------------------------------------------------------------------------- counters
  // One more register between the deparser, whose `retire_valid` comes late, and the adders.
  logic         retired_q;
  logic [2:0]   action_q;   // ABORTED for every code that is not an action
  logic [63:0]  packets_q;
  logic [159:0] actions_q;  // 32 bits by action

  always_ff @(posedge clk) begin
    action_q <= retire_code <= 32'd4 ? retire_code[2:0] : 3'd0;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      retired_q <= 1'b0;
      packets_q <= '0;
      actions_q <= '0;
    end else begin
      retired_q <= retire_valid;
      if (retired_q) packets_q <= packets_q + 1'b1;
      for (int a = 0; a < 5; a++) begin
        if (retired_q && action_q == 3'(a)) actions_q[32*a+:32] <= actions_q[32*a+:32] + 1'b1;
      end
    end
  end

  // The counters of each map; those of a map that has no use for them are constants.
  logic [64*MAPS_W-1:0] stalls;

  for (genvar m = 0; m < MAPS_W; m++) begin : gen_map
    if (GATED[m]) begin : gen_stalls
      logic [3:0]  stall_q;  // cuts the gates, whose answer comes late, from the adder
      logic [63:0] stalls_q;

      always_ff @(posedge clk) begin
        if (rst) begin
          stall_q  <= '0;
          stalls_q <= '0;
        end else begin
          stall_q  <= map_stall[4*m+:4];
          stalls_q <= stalls_q + 64'(stall_q);
        end
      end
      assign stalls[64*m+:64] = stalls_q;
    end else begin : gen_no_stalls
      assign stalls[64*m+:64] = '0;

      logic unused_stall;
      assign unused_stall = &{1'b0, map_stall[4*m+:4]};
    end
  end

  // The map in MAP; all zero if there is none.
  logic [159:0] shape;
  logic [31:0]  count;
  logic [31:0]  failed;
  logic [63:0]  stalled;

  always_comb begin
    {shape, count, failed, stalled} = '0;
    for (int m = 0; m < NUM_MAPS; m++) begin
      if (map_q == 8'(m)) begin
        shape   = MAP_SHAPES[160*m+:160];
        count   = TABLES[m] ? map_count[32*m+:32] : 32'd0;
        failed  = TABLES[m] ? map_failed[32*m+:32] : 32'd0;
        stalled = stalls[64*m+:64];
      end
    end
  end

  // ---------------------------------------------------------------------------------------- reads
  logic        read_go;
  logic [13:0] read_at;
  logic [31:0] read_data;
  logic        read_ok;
  logic        rvalid_q;
  logic [31:0] rdata_q;
  logic [1:0]  rresp_q;
  logic [31:0] packets_hi_q;  // taken with the low word, so that the pair belongs together
  logic [31:0] stalls_hi_q;   // likewise

  assign s_axil_arready = !rvalid_q;
  assign s_axil_rvalid  = rvalid_q;
  assign s_axil_rdata   = rdata_q;
  assign s_axil_rresp   = rresp_q;

  assign read_go = s_axil_arvalid && !rvalid_q;
  assign read_at = s_axil_araddr[15:2];

  always_comb begin
    read_ok   = 1'b1;
    read_data = '0;
    unique case (read_at)
      A_ID:         read_data = 32'h4245_454c;
      A_VERSION:    read_data = 32'd2;
      A_CTRL:       read_data = {22'd0, flags_q, 1'b0, op_q, 3'd0, busy_q};
      A_MAP:        read_data = {24'd0, map_q};
      A_SLOT:       read_data = slot_q;
      A_PRESENT:    read_data = {31'd0, present_q};
      A_PACKETS_LO: read_data = packets_q[31:0];
      A_PACKETS_HI: read_data = packets_hi_q;
      A_STATUS:     read_data = status_q;
      A_NUM_MAPS:   read_data = 32'(NUM_MAPS);
      A_COUNT:      read_data = count;
      A_FAILED:     read_data = failed;
      A_STALLS_LO:  read_data = stalled[31:0];
      A_STALLS_HI:  read_data = stalls_hi_q;
      default:      read_ok = 1'b0;
    endcase
    for (int a = 0; a < 5; a++) begin
      if (read_at == A_ACTION + 14'(a)) {read_ok, read_data} = {1'b1, actions_q[32*a+:32]};
    end
    for (int w = 0; w < 5; w++) begin
      if (read_at == A_MAP_SHAPE + 14'(w)) {read_ok, read_data} = {1'b1, shape[32*w+:32]};
    end
    for (int w = 0; w < KEY_WORDS; w++) begin
      if (read_at == A_KEY + 14'(w)) {read_ok, read_data} = {1'b1, key_q[32*w+:32]};
    end
    for (int w = 0; w < VALUE_WORDS; w++) begin
      if (read_at == A_VALUE + 14'(w)) {read_ok, read_data} = {1'b1, value_q[32*w+:32]};
    end
  end

  always_ff @(posedge clk) begin
    if (rst) rvalid_q <= 1'b0;
    else if (read_go) rvalid_q <= 1'b1;
    else if (s_axil_rready) rvalid_q <= 1'b0;
  end

  always_ff @(posedge clk) begin
    if (read_go) begin
      rdata_q <= read_data;
      rresp_q <= read_ok ? OKAY : SLVERR;
      if (read_at == A_PACKETS_LO) packets_hi_q <= packets_q[63:32];
      if (read_at == A_STALLS_LO) stalls_hi_q <= stalled[63:32];
    end
  end

  // Registers are whole words: the low address bits do not matter.
  logic unused_address;
  assign unused_address = &{1'b0, s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  if (TABLES != {MAPS_W{1'b1}} || NUM_MAPS == 0) begin : gen_unused_counts
    logic unused_counts;
    assign unused_counts = &{1'b0, map_count, MAP_SHAPES, stalls, map_failed};
  end
endmodule

`default_nettype wire
