// bl_value_ram: the values of one map, a whole value per row.
//
// Function    A packet presents `index` in stage P and has the row in stage P + 1; a changed row goes back at the end of
//             stage P + 1. The row includes what the packet one clock ahead wrote (forwarding).
// Latency     One stage.
// Throughput  One read-modify-write per cycle, on any rows, the same row included.
// Cuts        `index` to `row`. Not cut: `row` to `wr_row`, which is the map's own action logic.
//
// A host token (`host_sel`) takes the place of a packet: it reads its row (`host_rvalid` with `row`, stage P + 1) or writes
// it. With WRITABLE = 0 only the host writes, and there is nothing to forward. All rows start as zero, the row of a
// memory of one row as INIT. A row read at an index that is not below DEPTH is undefined; such an index must not be written.
// Nothing is written in a cycle of `rst`, whatever the control in front has come up as; a reset leaves the rows alone.
`default_nettype none

module bl_value_ram #(
    parameter int               WIDTH    = 64,  // bits of a row
    parameter int               DEPTH    = 16,  // rows, at least 1
    parameter bit               WRITABLE = 1,   // 1 if packets write
    parameter logic [WIDTH-1:0] INIT     = '0,  // first content, if DEPTH is 1
    parameter int               INDEX_W  = DEPTH > 1 ? $clog2(DEPTH) : 1  // derived: leave alone
) (
    input  wire logic               clk,
    input  wire logic               rst,
    // Stage P.
    input  wire logic [INDEX_W-1:0] index,
    input  wire logic               host_sel,    // a token for this map, slot below DEPTH
    input  wire logic               host_write,
    input  wire logic [INDEX_W-1:0] host_slot,
    input  wire logic [WIDTH-1:0]   host_row,
    // Stage P + 1.
    output logic      [WIDTH-1:0]   row,
    input  wire logic               wr_en,       // only for a valid packet
    input  wire logic [WIDTH-1:0]   wr_row,
    output logic                    host_rvalid  // `row` is what the host's read found
);
  if (WIDTH < 1 || DEPTH < 1) begin : gen_check
    $error("bl_value_ram: WIDTH and DEPTH must be at least 1");
  end
  if (DEPTH > 1 && INIT != '0) begin : gen_check_init
    $error("bl_value_ram: only a memory of one row can start with an INIT");
  end

  logic host_read_q;

  always_ff @(posedge clk) host_read_q <= host_sel && !host_write;
  assign host_rvalid = host_read_q;

  if (DEPTH == 1) begin : gen_register
    // One row: the register is the memory, and always up to date.
    logic             host_write_q;
    logic [WIDTH-1:0] row_q;

    initial row_q = INIT;

    always_ff @(posedge clk) begin
      host_write_q <= host_sel && host_write && !rst;
      if (!rst) begin
        if (host_write_q) row_q <= host_row;
        else if (WRITABLE && wr_en) row_q <= wr_row;
      end
    end
    assign row = row_q;

    logic unused_index;
    assign unused_index = &{1'b0, index, host_slot};
    if (!WRITABLE) begin : gen_no_write
      logic unused_write;
      assign unused_write = &{1'b0, wr_en, wr_row};
    end
  end else begin : gen_memory
    (* no_rw_check *) logic [WIDTH-1:0] mem [DEPTH];
    logic [INDEX_W-1:0] read_index;
    logic [WIDTH-1:0]   mem_row_q;

    // Block RAM comes up as zero by itself, and Yosys needs minutes to run this loop over a large memory.
`ifndef SYNTHESIS
    initial for (int i = 0; i < DEPTH; i++) mem[i] = '0;
`endif

    assign read_index = host_sel ? host_slot : index;

    always_ff @(posedge clk) mem_row_q <= mem[read_index];

    if (WRITABLE) begin : gen_writable
      logic               host_write_q;
      logic               write;
      logic [WIDTH-1:0]   write_row;
      logic [INDEX_W-1:0] index_q;      // of the packet in stage P + 1
      logic               same_q;       // the packet one clock ahead had the same index...
      logic               wrote_q;      // ...and wrote
      logic [WIDTH-1:0]   wrote_row_q;

      assign write     = (host_write_q || wr_en) && !rst;
      assign write_row = host_write_q ? host_row : wr_row;

      always_ff @(posedge clk) begin
        if (write) mem[index_q] <= write_row;
      end

      // The comparison of indices does not wait for `wr_en`, which comes late in its stage.
      always_ff @(posedge clk) begin
        host_write_q <= host_sel && host_write && !rst;
        index_q      <= read_index;
        same_q       <= (read_index == index_q);
        wrote_q      <= write;
        wrote_row_q  <= write_row;
      end
      assign row = (same_q && wrote_q) ? wrote_row_q : mem_row_q;
    end else begin : gen_read_only
      // The host writes at the end of stage P: packets ahead have read by then, packets behind read later.
      always_ff @(posedge clk) begin
        if (host_sel && host_write && !rst) mem[host_slot] <= host_row;
      end
      assign row = mem_row_q;

      logic unused_write;
      assign unused_write = &{1'b0, wr_en, wr_row};
    end
  end
endmodule

`default_nettype wire
