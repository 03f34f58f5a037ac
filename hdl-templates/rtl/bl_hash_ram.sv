// bl_hash_ram: one memory of a hash table: what stands in one way of one bank.
//
// Function    Plain memory, one write and one read port; starts as zero.
// Latency     `rindex` in one cycle, `rdata` in the next.
// Throughput  One read and one write per cycle.
// Cuts        `rindex` to `rdata`. What is read in the cycle in which the same row is written is undefined: the table forwards.
`default_nettype none

module bl_hash_ram #(
    parameter int WIDTH      = 33,  // bits of a row
    parameter int DEPTH_LOG2 = 4,   // log2 of the rows
    parameter int INDEX_W    = DEPTH_LOG2 > 0 ? DEPTH_LOG2 : 1  // derived: leave alone
) (
    input  wire logic               clk,
    input  wire logic               we,
    input  wire logic [INDEX_W-1:0] windex,
    input  wire logic [WIDTH-1:0]   wdata,
    input  wire logic [INDEX_W-1:0] rindex,
    output logic      [WIDTH-1:0]   rdata
);
  if (WIDTH < 1 || DEPTH_LOG2 < 0 || DEPTH_LOG2 > 24) begin : gen_check
    $error("bl_hash_ram: WIDTH must be at least 1, DEPTH_LOG2 0 to 24");
  end

  if (DEPTH_LOG2 == 0) begin : gen_register
    logic [WIDTH-1:0] row_q;
    logic [WIDTH-1:0] read_q;

    initial row_q = '0;
    always_ff @(posedge clk) begin
      if (we) row_q <= wdata;
      read_q <= row_q;
    end
    assign rdata = read_q;

    logic unused_index;
    assign unused_index = &{1'b0, windex, rindex};
  end else begin : gen_memory
    (* no_rw_check *) logic [WIDTH-1:0] mem [1 << DEPTH_LOG2];
    logic [WIDTH-1:0] read_q;

    // Block RAM comes up as zero by itself, and Yosys needs minutes to run this loop over a large memory.
`ifndef SYNTHESIS
    initial for (int i = 0; i < (1 << DEPTH_LOG2); i++) mem[i] = '0;
`endif

    always_ff @(posedge clk) begin
      if (we) mem[windex] <= wdata;
      read_q <= mem[rindex];
    end
    assign rdata = read_q;
  end
endmodule

`default_nettype wire
