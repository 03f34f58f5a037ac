// bl_value_ram: the values of one map, a whole value per row.
//
// Function    A packet presents `index` in stage P and has the row in stage P + 1. A change is made in the stage of the `wr_*`
//             inputs, stage P + 1 or a later one, for one packet per cycle. The row includes all changes up to those that are
//             made while the packet is in stage P (forwarding).
// Latency     One stage.
// Throughput  One row read and one written per cycle. With OWN_INDEX = 1, one read-modify-write per cycle on any rows, the
//             same row included; with OWN_INDEX = 0, a gate in front keeps packets from reading what is still being computed.
// Cuts        `index` to `row`. Not cut: `row` to `wr_row`, which is the map's own action logic.
//
// A map that a packet reads in several places has a copy for each, all of which get the same `wr_*`. A lane is a group of bytes
// that are written together: a bit of LANE_STARTS for the first byte of each. Lanes are memories of their own, so that a
// read never meets a write to a part of its word.
//
// A host token (`host_sel`) takes the place of a packet: it reads its row (`host_rvalid` with `row`, stage P + 1) or writes
// it (at the end of stage P + 1; no packet writes then). With WRITABLE = 0 only the host writes, and there is nothing to forward. All rows start
// as zero, the row of a memory of one row as INIT. A row read at an index that is not below DEPTH is undefined; such an index must not be
// written. Nothing is written in a cycle of `rst`, whatever the control in front has come up as; a reset leaves the rows alone.
`default_nettype none

module bl_value_ram #(
    parameter int               WIDTH       = 64,  // bits of a row
    parameter int               DEPTH       = 16,  // rows, at least 1
    parameter bit               WRITABLE    = 1,   // 1 if packets write
    parameter bit               OWN_INDEX   = 1,   // 1 if a packet writes the row that it has in stage P + 1: no `wr_index`
    parameter int               BYTES       = (WIDTH + 7) / 8,  // derived: leave alone
    parameter logic [BYTES-1:0] LANE_STARTS = BYTES'(1),        // by byte: a lane begins here
    parameter logic [WIDTH-1:0] INIT        = '0,  // first content, if DEPTH is 1
    parameter int               INDEX_W     = DEPTH > 1 ? $clog2(DEPTH) : 1  // derived: leave alone
) (
    input  wire logic               clk,
    input  wire logic               rst,
    // Stage P; slot and row of a token stand still until it is in stage P + 1.
    input  wire logic [INDEX_W-1:0] index,
    input  wire logic               host_sel,    // a token for this map, slot below DEPTH
    input  wire logic               host_write,
    input  wire logic [INDEX_W-1:0] host_slot,
    input  wire logic [WIDTH-1:0]   host_row,
    // Stage P + 1.
    output logic      [WIDTH-1:0]   row,
    output logic                    host_rvalid, // `row` is what the host's read found
    // The stage of the change.
    input  wire logic               wr_en,       // only for a valid packet
    input  wire logic [INDEX_W-1:0] wr_index,
    input  wire logic [BYTES-1:0]   wr_mask,     // by byte; what counts is the first byte of each lane
    input  wire logic [WIDTH-1:0]   wr_row
);
  if (WIDTH < 1 || DEPTH < 1) begin : gen_check
    $error("bl_value_ram: WIDTH and DEPTH must be at least 1");
  end
  if (DEPTH > 1 && INIT != '0) begin : gen_check_init
    $error("bl_value_ram: only a memory of one row can start with an INIT");
  end
  if (!LANE_STARTS[0]) begin : gen_check_lanes
    $error("bl_value_ram: the first byte starts a lane");
  end

  // Bits from the start of the row to the end of the lane that begins with byte `first`.
  function automatic int lane_end(input int first);
    lane_end = WIDTH;
    for (int b = BYTES - 1; b > first; b--) begin
      if (LANE_STARTS[b]) lane_end = 8 * b;
    end
  endfunction

  logic               host_read_q;   // stage P + 1: a token reads
  logic               host_write_q;  // stage P + 1: a token writes
  logic [INDEX_W-1:0] read_index;    // stage P
  logic [INDEX_W-1:0] write_index;   // the stage of the change
  logic               same_q;        // the change that was made while the packet was in stage P was one of its row

  always_ff @(posedge clk) begin
    host_read_q  <= host_sel && !host_write;
    host_write_q <= host_sel && host_write && !rst;
  end
  assign host_rvalid = host_read_q;
  assign read_index  = host_sel ? host_slot : index;

  if (OWN_INDEX) begin : gen_own_index
    logic [INDEX_W-1:0] index_q;  // stage P + 1

    always_ff @(posedge clk) index_q <= read_index;
    assign write_index = index_q;

    logic unused_index;
    assign unused_index = &{1'b0, wr_index};
  end else begin : gen_index
    assign write_index = host_write_q ? host_slot : wr_index;
  end

  // The comparison of indices does not wait for `wr_en`, which comes late in its stage.
  always_ff @(posedge clk) same_q <= (read_index == write_index);

  for (genvar b = 0; b < BYTES; b++) begin : gen_byte
    if (LANE_STARTS[b]) begin : gen_lane
      localparam int LO     = 8 * b;
      localparam int LANE_W = lane_end(b) - LO;
      logic              write;
      logic [LANE_W-1:0] write_row;

      assign write     = (host_write_q || (WRITABLE && wr_en && wr_mask[b])) && !rst;
      assign write_row = host_write_q ? host_row[LO+:LANE_W] : wr_row[LO+:LANE_W];

      if (DEPTH == 1) begin : gen_register
        // One row: the register is the memory, and always up to date.
        logic [LANE_W-1:0] row_q;

        initial row_q = INIT[LO+:LANE_W];

        always_ff @(posedge clk) begin
          if (write) row_q <= write_row;
        end
        assign row[LO+:LANE_W] = row_q;
      end else begin : gen_memory
        (* no_rw_check *) logic [LANE_W-1:0] mem [DEPTH];
        logic [LANE_W-1:0] mem_row_q;

        // Block RAM comes up as zero by itself, and Yosys needs minutes to run this loop over a large memory.
`ifndef SYNTHESIS
        initial for (int i = 0; i < DEPTH; i++) mem[i] = '0;
`endif

        always_ff @(posedge clk) mem_row_q <= mem[read_index];

        if (WRITABLE) begin : gen_writable
          logic              wrote_q;
          logic [LANE_W-1:0] wrote_row_q;

          always_ff @(posedge clk) begin
            if (write) mem[write_index] <= write_row;
          end

          always_ff @(posedge clk) begin
            wrote_q     <= write;
            wrote_row_q <= write_row;
          end
          assign row[LO+:LANE_W] = (same_q && wrote_q) ? wrote_row_q : mem_row_q;
        end else begin : gen_read_only
          // The host writes at the end of stage P: packets ahead have read by then, packets behind read later.
          always_ff @(posedge clk) begin
            if (host_sel && host_write && !rst) mem[host_slot] <= host_row[LO+:LANE_W];
          end
          assign row[LO+:LANE_W] = mem_row_q;

          logic unused_write;
          assign unused_write = &{1'b0, write, write_row};
        end
      end
    end else begin : gen_no_lane
      logic unused_mask;
      assign unused_mask = &{1'b0, wr_mask[b]};
    end
  end

  // What this form has no use for.
  logic unused;
  assign unused = &{1'b0, same_q, write_index, wr_en, wr_mask[0], wr_row, host_slot};
endmodule

`default_nettype wire
